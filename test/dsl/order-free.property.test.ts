/**
 * What the aggregates claim that say that they are free of order, so that parts of a window can be
 * aggregated where the records come from:
 *
 * - Records in any order, split anywhere, merged in any grouping, give the same accumulator, byte
 *   for byte.
 * - Those that do not say so are noticed when they do.
 * - An exact sum is in its one form, and nearest to what exact arithmetic gives.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addToSum,
  type CanonicalSum,
  mergeSums,
  nearestToSum,
} from '../../src/dsl/aggregates/canonical-sum.ts';
import { composite } from '../../src/dsl/aggregates/composite.ts';
import { addExactly, type ExactSum } from '../../src/dsl/aggregates/exact-sum.ts';
import {
  approximateCountDistinct,
  argMax,
  argMin,
  collect,
  count,
  countDistinct,
  earliest,
  first,
  histogram,
  last,
  latest,
  max,
  mean,
  min,
  quantile,
  share,
  standardDeviation,
  sum,
  topK,
  variance,
} from '../../src/dsl/index.ts';
import {
  type AnyAggregate,
  bytesOf,
  type Item,
  inAnyOrder,
  merged,
  over,
  type Splitting,
  splittings,
} from './aggregate-runs.ts';
import { exactly, isNearest } from './exact-numbers.ts';

/** Of every size, but so that no sum of them overflows; decimals, and ties between two numbers. */
const numbers = fc
  .oneof(
    fc.integer({ min: -20, max: 20 }),
    fc.integer({ min: -99999, max: 99999 }).map((cents) => cents / 100),
    fc.double({ noNaN: true, min: -1e300, max: 1e300 }),
    fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
    fc.constantFrom(1e100, -1e100, 2 ** 53, -(2 ** 53), 1, 1 + 2 ** -52, 2 ** -53, -(2 ** -53)),
    fc.constantFrom(2 ** -54, -(2 ** -54), 2 ** -106, -(2 ** -106), 5e-324, -5e-324, 2 ** -1000),
  )
  .map((n) => n + 0);

const records: fc.Arbitrary<Item[]> = fc.array(
  fc.record({ n: numbers, at: fc.nat({ max: 3 }), tag: fc.nat({ max: 3 }) }),
  { minLength: 1, maxLength: 24 },
);

const twice = records.chain((all) => fc.tuple(fc.constant(all), inAnyOrder(all), splittings));

const n = ({ n }: Item) => n;

/** Equal as values, and not as text. */
const eitherWay = ({ n, tag }: Item) => (tag % 2 === 0 ? { n, tag: 0 } : { tag: 0, n });

const all: readonly AnyAggregate[] = [
  count(),
  sum(n),
  mean(n),
  min(n),
  max(n),
  share(({ n }) => n > 0),
  variance(n),
  standardDeviation(n, { sample: true }),
  quantile(n, 0.5, { error: 0.25 }),
  histogram(n, [-5, 0, 1e5]),
  topK(({ n }) => Math.sign(n), 3, eitherWay),
  countDistinct(n),
  approximateCountDistinct(n, { error: 0.1 }),
  first(n),
  last(n),
  earliest(n),
  latest(n),
  argMin(({ n }) => Math.sign(n), n),
  argMax(({ n }) => Math.sign(n), n),
  collect(n),
  composite({ sum: sum(n), top: topK(n, 2), count: count() }, 'a test', []) as AnyAggregate,
  composite({ sum: sum(n), first: first(n) }, 'a test', []) as AnyAggregate,
];

function isSame(aggregate: AnyAggregate, [whole, other, split]: [Item[], Item[], Splitting]) {
  const bytes = bytesOf(aggregate, over(aggregate, whole));
  return Buffer.compare(bytes, bytesOf(aggregate, merged(aggregate, other, split))) === 0;
}

/** Whether any of many runs gives other bytes; to fail is no proof. */
function isCaught(aggregate: AnyAggregate): boolean {
  const property = fc.property(twice, (runs) => {
    try {
      return isSame(aggregate, runs);
    } catch {
      return true;
    }
  });
  return fc.check(property, { numRuns: 500, endOnFailure: true }).failed;
}

describe('an aggregate that says that it is free of order', () => {
  const free = all.filter(({ isOrderFree }) => isOrderFree === true);

  test.each(free.map((aggregate) => [aggregate.name, aggregate] as const))('%s is', (...[, of]) => {
    fc.assert(
      fc.property(twice, (runs) => isSame(of, runs)),
      { numRuns: 500 },
    );
  });

  test('is one of these', () => {
    expect(free.map(({ name }) => name)).toEqual([
      'count',
      'sum',
      'mean',
      'min',
      'max',
      'share',
      'quantile(0.25)',
      'histogram(-5;0;100000)',
      'topK(3)',
      'approximateCountDistinct(7)',
      '{sum: sum, top: topK(2), count: count}',
    ]);
  });

  const others = all.filter(({ isOrderFree }) => isOrderFree !== true);

  test.each(others.map((aggregate) => [aggregate.name, aggregate] as const))(
    '%s is none, and would be caught if it lied',
    (...[, of]) => {
      expect(isCaught({ ...of, isOrderFree: true })).toBe(true);
    },
  );

  test('could not be a sum with a compensation', () => {
    const compensated: AnyAggregate = {
      ...sum(n),
      add(accumulator, item) {
        const state = accumulator as CanonicalSum; // of create
        const [total, value] = [state[0], item.n];
        const next = total + value;
        const isLess = Math.abs(total) < Math.abs(value);
        state[1] += isLess ? value - next + total : total - next + value;
        state[0] = next;
        state[2]++;
        return state;
      },
    };
    expect(isCaught(compensated)).toBe(true);
  });

  test('could not be an exact sum that has several forms', () => {
    const shewchuk: AnyAggregate = {
      ...sum(n),
      create: (): ExactSum => [],
      add(accumulator, item) {
        addExactly(accumulator as ExactSum, item.n); // of create
        return accumulator;
      },
      merge(left, right) {
        for (const part of right as ExactSum) addExactly(left as ExactSum, part); // of create
        return left;
      },
    };
    expect(isCaught(shewchuk)).toBe(true);
  });
});

describe('an exact sum', () => {
  const sumOf = (values: readonly number[]): CanonicalSum => {
    const state: CanonicalSum = [0, 0, 0];
    for (const value of values) addToSum(state, value, 'sum');
    return state;
  };
  const partsOf = ([high, low, , ...lower]: CanonicalSum) => [high, low, ...lower];

  test('is exact, and each part is nearest to what is left', () => {
    fc.assert(
      fc.property(fc.array(numbers), (values) => {
        const state = sumOf(values);
        let left = values.reduce((total, value) => total + exactly(value), 0n);
        expect(isNearest(nearestToSum(state), left)).toBe(true);
        for (const part of partsOf(state)) {
          expect(isNearest(part, left), `${part} of ${values}`).toBe(true);
          left -= exactly(part);
        }
        expect(left).toBe(0n);
      }),
      { numRuns: 1000 },
    );
  });

  test('of whole numbers has one part', () => {
    expect(sumOf([1, 2, 2 ** 53 - 4, -7])).toEqual([2 ** 53 - 8, 0, 0]);
  });

  test('says to which side it lies, where that takes three parts', () => {
    const high = 1 + 2 ** -52;
    const state = sumOf([high, 2 ** -53, -(2 ** -1000)]);
    expect(state).toEqual([high, 2 ** -53, 0, -(2 ** -1000)]);
    expect(nearestToSum(state)).toBe(high); // high + low would be the next one
    expect(nearestToSum(sumOf([high, 2 ** -53, 2 ** -1000]))).toBe(1 + 2 ** -51);
  });

  test('takes up what was a sum and its compensation, in another form', () => {
    const state: CanonicalSum = [1, 0.5, 3];
    expect(nearestToSum(state)).toBe(1.5);
    addToSum(state, 0.1, 'sum');
    expect(state).toEqual([1.6, -8.326672684688674e-17, 3]);
    const merged: CanonicalSum = [0, 0, 0];
    mergeSums(merged, [1, 0.5, 3], 'sum');
    expect(merged).toEqual([1.5, 0, 3]);
  });

  test('beyond the largest number is refused, and stays as it was', () => {
    const large = Number.MAX_VALUE;
    for (const values of [[large], [large, 0.1], [large, 0.1, 1e-100]]) {
      const state = sumOf(values);
      const before = [...state];
      expect(() => addToSum(state, large, 'sum')).toThrow('sum() returned Infinity');
      expect(state).toEqual(before);
      addToSum(state, -large, 'sum');
      expect(nearestToSum(state)).toBe(values[1] ?? 0);
    }
  });
});
