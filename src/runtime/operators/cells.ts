/**
 * The entries of a store as time-to-live sees them, whatever the store's kind: each has a key, and
 * in lists and maps an item (its place, or its key in the map). The two together, as one key of a
 * timed store, are its place:
 *
 *   value       the key
 *   list, map   the key and the bytes of the item, see `joinPlace`
 */
import type { Codec } from '../../formats/index.ts';
import {
  joinPlace,
  type KeyFormat,
  type ListStore,
  type MapStore,
  placeFormat,
  type StateKey,
  type StoreRegistry,
  splitPlace,
  type ValueStore,
} from '../../state/index.ts';

/** What is kept of an entry. */
export interface Written {
  /** When it was written, or read where that counts, in ms. */
  readonly at: number;
  /** The time of its check. */
  readonly check: number;
  /** Its own time-to-live in ms. */
  readonly own?: number;
}

export interface WrittenStore {
  get(key: StateKey, item: unknown): Written | undefined;
  put(key: StateKey, item: unknown, written: Written): void;
  delete(key: StateKey, item: unknown): void;
  /** Forgets all entries of a key. */
  clear(key: StateKey): void;
}

export interface Cells {
  readonly placeFormat: KeyFormat;
  declareWritten(stores: StoreRegistry, name: string): WrittenStore;
  placeOf(key: StateKey, item: unknown): StateKey;
  at(place: StateKey): readonly [StateKey, unknown];
  get(key: StateKey, item: unknown): unknown;
  delete(key: StateKey, item: unknown): void;
  /** See `ValueStore.keys`. */
  all(): Iterator<readonly [StateKey, unknown]>;
}

/** Not checked again: three numbers that are finite. */
const writtenCodec: Codec<Written> = {
  name: 'written',
  text: true,
  encode: (written) => Buffer.from(JSON.stringify(written)),
  decode: (bytes, start, end) =>
    JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) as Written, // as written
};

/** The place of an element in its list: texts sort as places do. In SQL `printf('%016d')`. */
export const index: Codec<unknown> = {
  name: 'index',
  text: true,
  encode: (place) => Buffer.from(String(place).padStart(16, '0')),
  decode: (bytes, start, end) => Number(Buffer.from(bytes.subarray(start, end)).toString()),
};

/** `resultOf` makes what users see of what is kept. */
export function valueCells(
  store: ValueStore<unknown>,
  keyCodec: KeyFormat,
  resultOf: (value: unknown) => unknown = (value) => value,
): Cells {
  return {
    placeFormat: keyCodec,
    declareWritten(stores, name) {
      const written = stores.value({ name, keyCodec, value: writtenCodec });
      return {
        get: (key) => written.get(key),
        put: (key, _item, value) => written.put(key, value),
        delete: (key) => written.delete(key),
        clear: (key) => written.delete(key),
      };
    },
    placeOf: (key) => key,
    at: (place) => [place, undefined],
    get(key) {
      const value = store.get(key);
      return value === undefined ? undefined : resultOf(value);
    },
    delete: (key) => store.delete(key),
    *all() {
      const keys = store.keys();
      for (let next = keys.next(); next.done !== true; next = keys.next()) {
        yield [next.value, undefined];
      }
    },
  };
}

export function listCells(store: ListStore<unknown>, keyCodec: KeyFormat): Cells {
  return {
    ...itemCells(keyCodec, index),
    get: (key, item) => store.get(key, item as number), // of this store
    delete: (key, item) => store.delete(key, item as number), // likewise
    all: () => store.places(),
  };
}

export function mapCells(
  store: MapStore<unknown, unknown>,
  keyCodec: KeyFormat,
  item: Codec<unknown>,
): Cells {
  return {
    ...itemCells(keyCodec, item),
    get: (key, of) => store.get(key, of),
    delete: (key, of) => store.delete(key, of),
    all: () => store.places(),
  };
}

type ItemCells = Pick<Cells, 'placeFormat' | 'declareWritten' | 'placeOf' | 'at'>;

/** Places of what has a key and an item. */
export function itemCells(keyCodec: KeyFormat, item: Codec<unknown>): ItemCells {
  return {
    placeFormat: placeFormat(keyCodec, item),
    declareWritten: (stores, name) => stores.map({ name, keyCodec, item, value: writtenCodec }),
    placeOf: (key, of) => joinPlace(key, Buffer.from(item.encode(of)).toString('latin1')),
    at(place) {
      const [key, of] = splitPlace(place);
      const bytes = Buffer.from(of, 'latin1');
      return [key, item.decode(bytes, 0, bytes.length)];
    },
  };
}
