/** What a job declares of a store, and what is recorded of it at one of its versions. */
import type { StoreKind, StoreRecord } from './change.ts';
import type { KeyFormat, StoreDeclaration } from './stores.ts';

/** A store as a job declares it, whatever its kind. */
export interface DeclaredStore {
  readonly kind: StoreKind;
  readonly name: string;
  readonly key: KeyFormat;
  readonly item: KeyFormat;
  readonly value: KeyFormat;
  readonly shape: string;
}

type DescribedStore = Omit<StoreDeclaration<unknown>, 'value'> & { readonly value: KeyFormat };

export type StoreVersions = Pick<StoreRecord, 'version' | 'keyVersion' | 'itemVersion'>;

export type StoreParts = Pick<DeclaredStore, 'value' | 'key' | 'item'>;

export const placesOfList: KeyFormat = { name: 'index', text: false };
const noItems: KeyFormat = { name: '', text: true };

export function declaredStore(
  kind: StoreKind,
  { name, keyCodec, value, shape = '' }: DescribedStore,
  item: KeyFormat = noItems,
): DeclaredStore {
  return { kind, name, key: keyCodec, item, value, shape };
}

/** Keys that are made of the key and the item of an entry; see `joinPlace`. */
export function placeFormat(key: KeyFormat, item: KeyFormat): KeyFormat {
  return { name: `${key.name} and ${item.name}`, text: false, place: { key, item } };
}

/** What has versions: where keys are places, the keys and items that these are made of. */
export function partsOf({ key, item, value }: DeclaredStore): StoreParts {
  return { value, ...(key.place ?? { key, item }) };
}

/** As they were with these versions. */
export function partsAt(declared: DeclaredStore, versions: StoreVersions): StoreParts {
  const { value, key, item } = partsOf(declared);
  return {
    value: formatAt(value, versions.version),
    key: formatAt(key, versions.keyVersion),
    item: formatAt(item, versions.itemVersion),
  };
}

export function newestVersions(declared: DeclaredStore): StoreVersions {
  const { value, key, item } = partsOf(declared);
  return { version: countOf(value), keyVersion: countOf(key), itemVersion: countOf(item) };
}

/** What is recorded of a store with these versions; by default the newest ones. */
export function recordOf(
  declared: DeclaredStore,
  versions: StoreVersions = newestVersions(declared),
): StoreRecord {
  const { kind, name, shape } = declared;
  const { version, keyVersion, itemVersion } = versions;
  const parts = partsAt(declared, versions);
  const isPlace = declared.key.place !== undefined;
  const key = isPlace ? placeFormat(parts.key, parts.item) : parts.key;
  const item = isPlace ? declared.item : parts.item;
  return {
    name,
    kind,
    keyCodec: key.name,
    keyText: key.text,
    itemCodec: item.name,
    itemText: item.text,
    valueCodec: parts.value.name,
    valueText: parts.value.text,
    shape,
    version,
    keyVersion,
    itemVersion,
  };
}

function countOf({ versions }: KeyFormat): number {
  return versions?.length ?? 1;
}

function formatAt(format: KeyFormat, version: number): KeyFormat {
  return format.versions?.[version - 1]?.codec ?? format;
}
