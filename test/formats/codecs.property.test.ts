/**
 * Properties of the codecs:
 * 1. What was encoded is decoded equal, wherever in the bytes it stands.
 * 2. json and keyJson refuse exactly what JSON.stringify and JSON.parse do not give back equal.
 * 3. Keys have equal bytes where the keys are equal, in whatever order their members were set.
 * 4. The bytes of numbers are ordered as the numbers are.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytes, type Codec, json, keyJson, number, string } from '../../src/formats/index.ts';

function inTheMiddle<Value>(codec: Codec<Value>, value: Value): Value {
  const encoded = codec.encode(value);
  const all = new Uint8Array(encoded.length + 5).fill(0xff);
  all.set(encoded, 3);
  return codec.decode(all, 3, 3 + encoded.length);
}

const plain = fc.jsonValue({ stringUnit: 'binary' }).map(withoutMinusZero);

function withoutMinusZero(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

test('json and keyJson give back what they were given', () => {
  fc.assert(
    fc.property(plain, (value) => {
      expect(inTheMiddle(json(), value)).toStrictEqual(value);
      expect(inTheMiddle(keyJson(), value)).toStrictEqual(value);
    }),
  );
});

test('string, bytes and number give back what they were given', () => {
  const anyNumber = fc.double({ noNaN: true }).filter((value) => !Object.is(value, -0));
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.uint8Array(), anyNumber, (text, raw, value) => {
      expect(inTheMiddle(string(), text)).toBe(text);
      expect(inTheMiddle(bytes(), raw)).toStrictEqual(Uint8Array.from(raw));
      expect(inTheMiddle(number(), value)).toBe(value);
    }),
  );
});

test('json refuses exactly what JSON does not give back equal', () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
    withBoxedValues: true,
  });
  fc.assert(
    fc.property(anything, (value) => {
      expect(isAccepted(json(), value)).toBe(comesBackEqual(value));
    }),
    { numRuns: 500 },
  );
});

function isAccepted(codec: Codec<unknown>, value: unknown): boolean {
  try {
    codec.encode(value);
    return true;
  } catch {
    return false;
  }
}

function comesBackEqual(value: unknown): boolean {
  try {
    const back: unknown = JSON.parse(JSON.stringify(value));
    expect(back).toStrictEqual(value);
    return true;
  } catch {
    return false;
  }
}

test('equal keys have equal bytes, different keys different ones', () => {
  fc.assert(
    fc.property(plain, plain, (left, right) => {
      expect(keyJson().encode(reversed(left))).toEqual(keyJson().encode(left));
      const same = Buffer.compare(keyJson().encode(left), keyJson().encode(right)) === 0;
      expect(same).toBe(isAccepted(sameAs(left), right));
    }),
  );
});

/** The same value, with the members of its objects set in the opposite order. */
function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  const members = Object.entries(value).map(([name, member]) => [name, reversed(member)]);
  return Object.fromEntries(members.reverse());
}

/** Refuses to encode what is not equal to `wanted`. */
function sameAs(wanted: unknown): Codec<unknown> {
  return {
    ...json<unknown>(),
    encode(value) {
      expect(value).toStrictEqual(wanted);
      return new Uint8Array(0);
    },
  };
}

test('the bytes of numbers are ordered as the numbers are', () => {
  const anyNumber = fc.oneof(fc.double({ noNaN: true }), fc.integer());
  fc.assert(
    fc.property(anyNumber, anyNumber, (left, right) => {
      const order = Buffer.compare(number().encode(left), number().encode(right));
      expect(order).toBe(Number(left > right) - Number(left < right));
    }),
  );
});
