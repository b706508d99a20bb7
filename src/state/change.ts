/**
 * The records of a changelog. Key of a record, big-endian:
 *
 *   byte  size  field
 *   0     1     0: a store; 1: an entry of a value store; 2: of a timed store; 3: an element of a
 *               list or map; 4: all elements of a list or map
 *   1     2     number of the store
 *   3     8     timed: the time in ms, 64 bits with the sign flipped: bytes sort as times do
 *   +0    1     key group
 *   +1    4     element: length of the key
 *   +0          bytes of the key
 *   +0          element: its place in the list (8 bytes), or the bytes of its key in the map
 *
 * The value is the new value, or null where it was deleted. That of a store is the JSON of
 * `StoreRecord`, before the first entry of its store; null where the store was dropped. That of all
 * elements is null: they are deleted, in one record however many there are.
 */
import { assert, unreachable } from '../platform/index.ts';
import type { StateKey } from './stores.ts';

/** One record of the changelog: a changed entry; a null value is a deletion. */
export interface Change {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** Takes changes as they are made; the bytes are the taker's. */
export type ChangeWriter = (key: Uint8Array, value: Uint8Array | null) => void;

export type StoreKind = 'value' | 'timed' | 'list' | 'map';

/** What is recorded about a store. */
export interface StoreRecord {
  readonly name: string;
  readonly kind: StoreKind;
  readonly keyCodec: string;
  readonly keyText: boolean;
  /** Of the keys of a map; `index` for a list, empty for other kinds. */
  readonly itemCodec: string;
  readonly itemText: boolean;
  readonly valueCodec: string;
  readonly valueText: boolean;
  readonly shape: string;
  /** Of values, keys and items: what the job's migrations count. */
  readonly version: number;
  readonly keyVersion: number;
  readonly itemVersion: number;
  /**
   * A migration is not done with it: the number of the store whose place it is to take. Nobody
   * reads such a store, and a task that is opened drops it.
   */
  readonly replaces?: number;
}

export type ChangeKey =
  | { readonly kind: 'store'; readonly store: number }
  | EntryAddress
  | { readonly kind: 'all'; readonly store: number; readonly key: StateKey };

/** Where an entry lies: `time` is 0 but in timed stores, `item` is empty but in lists and maps. */
export interface EntryAddress {
  readonly kind: 'entry';
  readonly store: number;
  readonly time: number;
  readonly key: StateKey;
  readonly item: string;
}

export const storesMax = 0xffff;

const kinds = { store: 0, value: 1, timed: 2, item: 3, all: 4 } as const;

const high = 2 ** 32;
const signBit = 2 ** 31;

export function storeKey(store: number): Uint8Array {
  return Uint8Array.of(kinds.store, store >>> 8, store);
}

export function valueKey(store: number, key: StateKey): Uint8Array {
  const bytes = valueKeyFor(store, key.length);
  bytes.write(key, 3, 'latin1');
  return bytes;
}

/** With room at its end for a key of `length` bytes. */
export function valueKeyFor(store: number, length: number): Buffer {
  return begin(kinds.value, store, 3 + length);
}

export function timedKey(store: number, time: number, key: StateKey): Uint8Array {
  const bytes = timedKeyFor(store, time, key.length);
  bytes.write(key, 11, 'latin1');
  return bytes;
}

/** With room at its end for a key of `length` bytes. */
export function timedKeyFor(store: number, time: number, length: number): Buffer {
  const bytes = begin(kinds.timed, store, 11 + length);
  const upper = Math.floor(time / high);
  bytes.writeUInt32BE(upper + signBit, 3);
  bytes.writeUInt32BE(time - upper * high, 7);
  return bytes;
}

export function itemKey(store: number, key: StateKey, item: string): Uint8Array {
  const bytes = begin(kinds.item, store, 7 + key.length + item.length);
  bytes.write(key.slice(0, 1), 3, 'latin1');
  bytes.writeUInt32BE(key.length - 1, 4);
  bytes.write(key.slice(1), 8, 'latin1');
  bytes.write(item, 7 + key.length, 'latin1');
  return bytes;
}

/** The key of an entry in a store of this kind. */
export function entryKey(kind: StoreKind, address: Omit<EntryAddress, 'kind'>): Uint8Array {
  const { store, time, key, item } = address;
  switch (kind) {
    case 'value':
      return valueKey(store, key);
    case 'timed':
      return timedKey(store, time, key);
    case 'list':
    case 'map':
      return itemKey(store, key, item);
    default:
      return unreachable(kind);
  }
}

/** All elements of a key's list or map. */
export function allKey(store: number, key: StateKey): Uint8Array {
  const bytes = begin(kinds.all, store, 3 + key.length);
  bytes.write(key, 3, 'latin1');
  return bytes;
}

function begin(kind: number, store: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  bytes[0] = kind;
  bytes.writeUInt16BE(store, 1);
  return bytes;
}

/** Whether the record with this key, which begins at `start`, is about a store. */
export function isOfStore(bytes: Uint8Array, start: number): boolean {
  return bytes[start] === kinds.store;
}

/** What a record is about, without parsing its key. */
export function kindOf(key: Uint8Array): ChangeKey['kind'] {
  if (isOfStore(key, 0)) return 'store';
  return key[0] === kinds.all ? 'all' : 'entry';
}

export function parseChangeKey(key: Uint8Array): ChangeKey {
  const isBuffer = key instanceof Buffer; // as it mostly is: making one takes time
  const bytes = isBuffer ? key : Buffer.from(key.buffer, key.byteOffset, key.length);
  const store = bytes.readUInt16BE(1);
  switch (bytes[0]) {
    case kinds.store:
      return { kind: 'store', store };
    case kinds.value:
      return { kind: 'entry', store, time: 0, key: bytes.toString('latin1', 3), item: '' };
    case kinds.timed: {
      const time = (bytes.readUInt32BE(3) - signBit) * high + bytes.readUInt32BE(7);
      return { kind: 'entry', store, time, key: bytes.toString('latin1', 11), item: '' };
    }
    case kinds.item: {
      const end = 8 + bytes.readUInt32BE(4);
      const of = bytes.toString('latin1', 3, 4) + bytes.toString('latin1', 8, end);
      return { kind: 'entry', store, time: 0, key: of, item: bytes.toString('latin1', end) };
    }
    default:
      assert(bytes[0] === kinds.all, 'a changelog record has a kind that this version knows');
      return { kind: 'all', store, key: bytes.toString('latin1', 3) };
  }
}

export function encodeStoreRecord(record: StoreRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

export function decodeStoreRecord(value: Uint8Array): StoreRecord {
  return JSON.parse(Buffer.from(value).toString('utf8')) as StoreRecord; // as written
}
