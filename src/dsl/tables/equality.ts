/** When two rows are the same, and when two keys are. */
import { isDeepStrictEqual } from 'node:util';
import type { Codec } from '../../formats/index.ts';

/** Keys are the same when their bytes are. */
export function isSameKey<Key>(codec: Codec<Key>, a: Key, b: Key): boolean {
  return a === b || Buffer.compare(codec.encode(a), codec.encode(b)) === 0;
}

/**
 * Of two rows one may come out of state and the other from the step before, so nothing may count
 * that a codec does not keep: neither prototypes, nor the order of members.
 */
export function isSameRow(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && isSameArray(a, b);
  if (isOfClass(a) || isOfClass(b)) return isDeepStrictEqual(a, b);
  return !Array.isArray(b) && isSameObject(a, b);
}

/** What is compared by more than its members. */
function isOfClass(value: object): boolean {
  return (
    value instanceof Date ||
    value instanceof Map ||
    value instanceof Set ||
    ArrayBuffer.isView(value)
  );
}

function isSameArray(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!isSameRow(a[i], b[i])) return false;
  return true;
}

function isSameObject(a: object, b: object): boolean {
  const [left, right] = [a as Members, b as Members]; // objects have members
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every((name) => Object.hasOwn(right, name) && isSameRow(left[name], right[name]));
}

type Members = Readonly<Record<string, unknown>>;
