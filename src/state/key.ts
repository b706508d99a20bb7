/**
 * Keys and places as stores hold them, and as columns of the tables: see `StateKey`.
 */
import type { StateKey } from './stores.ts';

/**
 * State is split by key group, so that a job can run on another number of tasks later. Fixed for
 * ever.
 */
export const keyGroups = 128;

/** The key of encoded `bytes` in `group`. */
export function stateKeyOf(group: number, bytes: Uint8Array): StateKey {
  return (
    String.fromCharCode(group) +
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  );
}

export function groupOf(key: StateKey): number {
  return key.charCodeAt(0);
}

/** Of 32 bits: FNV-1a (Fowler, Noll, Vo), and the last step of murmur3 to spread it. */
export function hashOf(key: StateKey): number {
  let hash = fnvBasis;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), fnvPrime);
  return spread(hash);
}

/** The hash of a key from its bytes, the first of which is the key group. */
export function hashOfBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = fnvBasis;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), fnvPrime);
  return spread(hash);
}

const fnvBasis = 0x811c9dc5;
const fnvPrime = 0x01000193;

function spread(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) >>> 0;
}

/** The encoded bytes. */
export function keyBytesOf(key: StateKey): Buffer {
  return Buffer.from(key.slice(1), 'latin1');
}

const high = 2 ** 32;

/** The place of an element in its list, so that strings sort as places do. */
export function placeOf(index: number): string {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeUInt32BE(Math.floor(index / high), 0);
  bytes.writeUInt32BE(index % high, 4);
  return bytes.toString('latin1');
}

export function indexOf(place: string): number {
  const bytes = Buffer.from(place, 'latin1');
  return bytes.readUInt32BE(0) * high + bytes.readUInt32BE(4);
}

/** Before the key in a joined place: its group and its length. */
const headLength = 5;

/**
 * An entry of a list or map as one key: key group (1) | length of the key (4) | key | bytes of the
 * item.
 */
export function joinPlace(key: StateKey, item: string): StateKey {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(key.length - 1);
  return key.slice(0, 1) + length.toString('latin1') + key.slice(1) + item;
}

export function splitPlace(place: StateKey): readonly [key: StateKey, item: string] {
  const end = headLength + Buffer.from(place.slice(1, headLength), 'latin1').readUInt32BE();
  return [place.slice(0, 1) + place.slice(headLength, end), place.slice(end)];
}

/** Bytes as SQLite keeps them: text where their codec writes text. */
export function toColumn(bytes: Uint8Array, text: boolean): string | Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return text ? buffer.toString('utf8') : buffer;
}
