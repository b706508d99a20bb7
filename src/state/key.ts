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
