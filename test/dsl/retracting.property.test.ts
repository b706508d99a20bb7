/**
 * What tables rely on:
 *
 *   - a sum of any floating-point numbers that come and go is the exact sum of those that are
 *     there, rounded once, and nothing when all have gone
 *   - ranks sort as their bytes do
 *   - rows are the same whatever made them
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addExactly, type ExactSum, roundedSum } from '../../src/dsl/aggregates/exact-sum.ts';
import { isSameRow } from '../../src/dsl/tables/equality.ts';
import { placeCodec } from '../../src/dsl/tables/top-of-group.ts';
import { keyJson } from '../../src/formats/index.ts';
import { exactly, isNearest } from './exact-numbers.ts';

/** Of every size, but so that no sum of them overflows. */
const numbers = fc
  .oneof(
    fc.double({ noNaN: true, min: -1e300, max: 1e300 }),
    fc.integer({ min: -9, max: 9 }).map((n) => n / 10),
    fc.constantFrom(1e100, -1e100, 2 ** 53, 1, 2 ** -53, 5e-324),
  )
  .map((n) => n + 0);

const unit = 2n ** 1074n;

test('a sum is exact whatever came and went', () => {
  expect(exactly(1)).toBe(unit);
  fc.assert(
    fc.property(fc.array(numbers), fc.array(numbers), (staying, going) => {
      const sum: ExactSum = [];
      for (const n of going) addExactly(sum, n);
      for (const n of staying) addExactly(sum, n);
      for (const n of going.toReversed()) addExactly(sum, -n);
      const expected = staying.reduce((all, n) => all + exactly(n), 0n);
      const rounded = roundedSum(sum);
      expect(isNearest(rounded, expected), `${rounded}`).toBe(true);
      for (const n of staying) addExactly(sum, -n);
      expect(sum).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('a sum that lies between two numbers goes to the right one', () => {
  const sum: ExactSum = [];
  for (const n of [1, 2 ** -53, 2 ** -106]) addExactly(sum, n);
  expect(roundedSum(sum)).toBe(1 + 2 ** -52);
  addExactly(sum, -(2 ** -106));
  expect(roundedSum(sum)).toBe(1);
});

test('places sort by rank, then by key', () => {
  const codec = placeCodec(keyJson<unknown>());
  const places = fc.record({ rank: numbers, key: fc.constantFrom('', 'a', 'ü', 1) });
  fc.assert(
    fc.property(places, places, (a, b) => {
      const [left, right] = [codec.encode(a), codec.encode(b)];
      expect(codec.decode(left, 0, left.length)).toEqual(a);
      if (a.rank !== b.rank) expect(Buffer.compare(left, right)).toBe(a.rank < b.rank ? -1 : 1);
    }),
  );
});

/** As it comes back from JSON, which knows no -0. */
const jsonValue = fc.jsonValue().map((of): unknown => JSON.parse(JSON.stringify(of)));

test('rows are the same whatever made them', () => {
  fc.assert(
    fc.property(jsonValue, jsonValue, (a, b) => {
      const copy: unknown = JSON.parse(JSON.stringify(a));
      expect(isSameRow(a, copy)).toBe(true);
      expect(isSameRow({ a, b }, Object.assign(Object.create(null), { b, a }))).toBe(true);
      const [left, right] = [a, b].map((of) => keyJson<unknown>().encode(of).toString());
      expect(isSameRow(a, b)).toBe(left === right);
    }),
  );
  expect(isSameRow(new Date(1), new Date(1))).toBe(true);
  expect(isSameRow(new Date(1), new Date(2))).toBe(false);
  expect(isSameRow(Buffer.from('a'), Buffer.from('b'))).toBe(false);
  expect(isSameRow([], {})).toBe(false);
  expect(isSameRow({ a: undefined }, { b: 1 })).toBe(false);
});
