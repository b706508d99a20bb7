/**
 * Everything that structured clone keeps: besides what JSON does also Map, Set, Date, bigint, NaN,
 * -0, undefined, RegExp, bytes, and references that are shared or go in circles. Written by the
 * serializer of V8, which reads what older versions of it wrote; other programs can't read it.
 *
 * Structured clone drops in silence what it does not know: the class of an object, properties under
 * symbols. Such values are refused, as in json().
 */
import { deserialize, serialize } from 'node:v8';
import { MillraceError, messageOf } from '../platform/index.ts';
import type { Codec } from './codec.ts';
import { depthMax, isPlainContainer, kindOf } from './plain.ts';

/** The codec for values that JSON would change. Slower than json(), and no text. */
export function structured<Value>(): Codec<Value> {
  return structuredCodec as Codec<Value>; // the type parameter is the caller's claim
}

const structuredCodec: Codec<unknown> = {
  name: 'structured-clone',
  text: false,
  unfitForKeys: 'the serializer of V8 writes as things lie in memory',
  encode(value) {
    check(value);
    return serialize(value);
  },
  decode(bytes, start, end) {
    // A copy, because arrays of numbers would be views into it.
    const own = new Uint8Array(bytes.subarray(start, end));
    try {
      return deserialize(own);
    } catch (cause) {
      throw new MillraceError(
        'DECODE',
        `These ${end - start} bytes are not of structured clone (${messageOf(cause)}). ` +
          'Use the codec they were written with.',
        { cause },
      );
    }
  },
  check,
};

function check(value: unknown): void {
  const refused = refusedIn(value, '$', 0, new Set());
  if (refused === undefined) return;
  throw new MillraceError(
    'ENCODE',
    `Structured clone would not give this value back: ${refused}. Store plain objects, or use ` +
      'another codec.',
  );
}

/** The first part at fault and what it is; undefined where there is none. */
function refusedIn(
  value: unknown,
  path: string,
  depth: number,
  seen: Set<object>,
): string | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') {
    return `${path} is a ${typeof value}`;
  }
  if (typeof value !== 'object' || value === null || seen.has(value)) return undefined;
  if (depth > depthMax) return `${path} nests deeper than ${depthMax} levels`;
  if (Object.getOwnPropertySymbols(value).length > 0) {
    return `${path} has a property under a symbol`;
  }
  seen.add(value);
  const members = membersOf(value);
  if (members === undefined) return `${path} is ${kindOf(value)}`;
  for (const [step, member] of members) {
    const refused = refusedIn(member, path + step, depth + 1, seen);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

/** The parts of an object; undefined for one that would come back as something else. */
function membersOf(value: object): Iterable<readonly [string, unknown]> | undefined {
  if (isPlainContainer(value)) {
    if (Object.getPrototypeOf(value) === null) return undefined;
    return Object.entries(value).map(([name, member]) => [`[${JSON.stringify(name)}]`, member]);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Map.prototype) {
    return [...(value as Map<unknown, unknown>)].flatMap(([key, member], i) => [
      [` (key ${i})`, key] as const,
      [` (value ${i})`, member] as const,
    ]);
  }
  if (prototype === Set.prototype) {
    return [...(value as Set<unknown>)].map((member, i) => [` (member ${i})`, member]);
  }
  return leaves.has(prototype) ? [] : undefined;
}

const leaves: ReadonlySet<unknown> = new Set([
  Date.prototype,
  RegExp.prototype,
  ArrayBuffer.prototype,
  DataView.prototype,
  Buffer.prototype,
  Uint8Array.prototype,
  Uint8ClampedArray.prototype,
  Int8Array.prototype,
  Uint16Array.prototype,
  Int16Array.prototype,
  Uint32Array.prototype,
  Int32Array.prototype,
  Float32Array.prototype,
  Float64Array.prototype,
  BigInt64Array.prototype,
  BigUint64Array.prototype,
]);
