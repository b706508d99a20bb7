/**
 * The records of a changelog. Key of a record, big-endian:
 *
 *   byte  size  field
 *   0     1     0: a store is declared; 1: an entry of a keyed store; 2: of a timed store
 *   1     2     number of the store
 *   3     8     timed: the time in ms, 64 bits with the sign flipped: bytes sort as times do
 *   +0    1     key group
 *   +1          bytes of the key
 *
 * The value is the entry's new value, or null where it was deleted. A declaration's value is the
 * JSON of `StoreRecord`, and stands before the first entry of its store.
 */
import { assert } from '../platform/index.ts';
import type { StateKey } from './stores.ts';

/** One record of the changelog: a changed entry; a null value is a deletion. */
export interface Change {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** What is recorded about a store. */
export interface StoreRecord {
  readonly name: string;
  readonly kind: 'keyed' | 'timed';
  readonly keyCodec: string;
  readonly keyText: boolean;
  readonly valueCodec: string;
  readonly valueText: boolean;
  readonly shape: string;
}

export type ChangeKey =
  | { readonly kind: 'declared'; readonly store: number }
  | { readonly kind: 'keyed'; readonly store: number; readonly key: StateKey }
  | {
      readonly kind: 'timed';
      readonly store: number;
      readonly time: number;
      readonly key: StateKey;
    };

export const storesMax = 0xffff;

const high = 2 ** 32;
const signBit = 2 ** 31;

export function declaredKey(store: number): Uint8Array {
  return Uint8Array.of(0, store >>> 8, store);
}

export function keyedKey(store: number, key: StateKey): Uint8Array {
  const bytes = Buffer.allocUnsafe(3 + key.length);
  bytes[0] = 1;
  bytes.writeUInt16BE(store, 1);
  bytes.write(key, 3, 'latin1');
  return bytes;
}

export function timedKey(store: number, time: number, key: StateKey): Uint8Array {
  const bytes = Buffer.allocUnsafe(11 + key.length);
  bytes[0] = 2;
  bytes.writeUInt16BE(store, 1);
  const upper = Math.floor(time / high);
  bytes.writeUInt32BE(upper + signBit, 3);
  bytes.writeUInt32BE(time - upper * high, 7);
  bytes.write(key, 11, 'latin1');
  return bytes;
}

export function parseChangeKey(key: Uint8Array): ChangeKey {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length);
  const store = bytes.readUInt16BE(1);
  if (bytes[0] === 0) return { kind: 'declared', store };
  if (bytes[0] === 1) return { kind: 'keyed', store, key: bytes.toString('latin1', 3) };
  assert(bytes[0] === 2, 'a changelog record has a kind that this version knows');
  const time = (bytes.readUInt32BE(3) - signBit) * high + bytes.readUInt32BE(7);
  return { kind: 'timed', store, time, key: bytes.toString('latin1', 11) };
}

export function encodeStoreRecord(record: StoreRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

export function decodeStoreRecord(value: Uint8Array): StoreRecord {
  return JSON.parse(Buffer.from(value).toString('utf8')) as StoreRecord; // as written
}
