/** Keys of state: see `StateKey`. */
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
