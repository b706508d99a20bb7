import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { structured } from '../../src/formats/index.ts';

const codec = structured<unknown>();
const again = (value: unknown) => {
  const bytes = Buffer.concat([Buffer.from('before'), codec.encode(value), Buffer.from('behind')]);
  return codec.decode(bytes, 6, bytes.length - 6);
};

test('what structured clone keeps comes back equal, wherever its bytes lie', () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
  });
  fc.assert(
    fc.property(anything, (value) => {
      expect(again(value)).toStrictEqual(value);
    }),
  );
});

test('NaN, -0, undefined and references in circles are kept', () => {
  const circle: Record<string, unknown> = { nan: Number.NaN, zero: -0, none: undefined };
  circle.self = circle;
  const back = again(circle) as typeof circle;
  expect(back.self).toBe(back);
  expect([back.nan, back.zero, 'none' in back]).toEqual([Number.NaN, -0, true]);
});

test('arrays of numbers are copies, not views of what was decoded', () => {
  const bytes = codec.encode(new Float64Array([1, 2, 3]));
  const back = codec.decode(bytes, 0, bytes.length);
  bytes.fill(0);
  expect(back).toEqual(new Float64Array([1, 2, 3]));
});

class Point {
  readonly x = 1;
}

describe('is refused when it is put, and when it is encoded:', () => {
  test.each<[string, unknown, string]>([
    ['a function', { a: [() => 1] }, '$["a"]["0"] is a function'],
    ['a symbol', new Map([[Symbol('a'), 1]]), '$ (key 0) is a symbol'],
    ['an object of a class', new Set([new Point()]), '$ (member 0) is a Point'],
    ['a property under a symbol', { [Symbol('a')]: 1 }, '$ has a property under a symbol'],
    ['an object without a prototype', Object.create(null), '$ is an object'],
    ['an error', new Error('no'), '$ is a Error'],
    ['a WeakMap', [new WeakMap()], '$["0"] is a WeakMap'],
    ['shared memory', new SharedArrayBuffer(1), '$ is a SharedArrayBuffer'],
  ])('%s', (_, value, says) => {
    for (const call of [codec.encode, codec.check]) {
      expect(() => call?.(value)).toThrow(
        expect.objectContaining({ code: 'ENCODE', message: expect.stringContaining(says) }),
      );
    }
  });
});

test('damaged bytes are refused', () => {
  const bytes = Buffer.from(codec.encode({ a: [1, 'two'] }));
  expect(() => codec.decode(bytes, 0, bytes.length - 2)).toThrow(
    expect.objectContaining({ code: 'DECODE' }),
  );
  expect(() => codec.decode(Buffer.from('{}'), 0, 2)).toThrow('not of structured clone');
});
