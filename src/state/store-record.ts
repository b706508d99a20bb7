/** What is recorded about a store that a job declares. */
import type { StoreKind, StoreRecord } from './change.ts';
import type { KeyFormat, StoreDeclaration } from './stores.ts';

export type DescribedStore = Omit<StoreDeclaration<unknown>, 'value'> & {
  readonly value: KeyFormat;
};

export const placesOfList: KeyFormat = { name: 'index', text: false };
const noItems: KeyFormat = { name: '', text: true };

export function recordOfStore(
  kind: StoreKind,
  { name, keyCodec, value, shape = '' }: DescribedStore,
  item: KeyFormat = noItems,
): StoreRecord {
  const { place } = keyCodec;
  return {
    name,
    kind,
    keyCodec: keyCodec.name,
    keyText: keyCodec.text,
    itemCodec: item.name,
    itemText: item.text,
    valueCodec: value.name,
    valueText: value.text,
    shape,
    version: versionOf(value),
    keyVersion: versionOf(place?.key ?? keyCodec),
    itemVersion: versionOf(place?.item ?? item),
  };
}

function versionOf({ versions }: KeyFormat): number {
  return versions?.length ?? 1;
}
