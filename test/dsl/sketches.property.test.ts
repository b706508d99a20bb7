/**
 * - A quantile differs from the exact one by no more than the error that was asked for, of itself;
 *   where bins had to become coarser, by no more than their number says.
 * - A sketch takes no more room than it says.
 * - An approximate count has the error that was asked for, and no bias, whatever the number.
 * - The accumulator, byte for byte, is the same for the same values in any order and grouping.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HyperLogLogScale } from '../../src/dsl/aggregates/hyper-log-log.ts';
import type { QuantileSketch } from '../../src/dsl/aggregates/quantile-sketch.ts';
import { TextHash } from '../../src/dsl/aggregates/text-hash.ts';
import { approximateCountDistinct, quantile } from '../../src/dsl/index.ts';
import {
  type AnyAggregate,
  bytesOf,
  type Item,
  merged,
  over,
  splittings,
} from './aggregate-runs.ts';

const n = ({ n }: Item) => n;
const itemOf = (n: number): Item => ({ n, at: 0, tag: 0 });

/** Evenly spread over the powers of ten. */
function spread(decades: number): fc.Arbitrary<number> {
  const exponent = fc.double({ min: -decades / 2, max: decades / 2, noNaN: true });
  const size = exponent.map((e) => 10 ** e);
  return fc.oneof(
    { arbitrary: size, weight: 4 },
    { arbitrary: size.map((x) => -x), weight: 2 },
    { arbitrary: fc.constantFrom(0, 1, -1, 5e-324, 1e-300, 1e-299), weight: 1 },
  );
}

const numbersOf = (decades: number) => fc.array(spread(decades), { minLength: 1, maxLength: 60 });

/** The same in another order, with where to split it. */
const twice = (numbers: fc.Arbitrary<number[]>) =>
  numbers.chain((values) =>
    fc.tuple(
      fc.constant(values),
      fc.shuffledSubarray(values, { minLength: values.length }),
      splittings,
    ),
  );

function expectSameBytes(aggregate: AnyAggregate, numbers: fc.Arbitrary<number[]>): void {
  fc.assert(
    fc.property(twice(numbers), ([values, shuffled, splitting]) => {
      const whole = over(aggregate, values.map(itemOf));
      const parts = merged(aggregate, shuffled.map(itemOf), splitting);
      expect(textOf(aggregate, parts)).toBe(textOf(aggregate, whole));
    }),
  );
}

const textOf = (aggregate: AnyAggregate, accumulator: unknown) =>
  Buffer.from(bytesOf(aggregate, accumulator)).toString('utf8');

describe('quantile', () => {
  const errors = [0.001, 0.01, 0.25] as const;
  const quantiles = [0, 0.01, 0.25, 0.5, 0.9, 0.999, 1] as const;

  function expectWithin(values: readonly number[], results: readonly number[], error: number) {
    const ascending = values.toSorted((a, b) => a - b);
    for (const [i, q] of quantiles.entries()) {
      const exact = ascending[Math.floor(q * (values.length - 1))] ?? Number.NaN;
      const result = results[i] ?? Number.NaN;
      const tolerance = Math.max(Math.abs(exact) * error * (1 + 1e-9), 1e-300);
      expect(Math.abs(result - exact), `${q}: ${result} for ${exact}`).toBeLessThanOrEqual(
        tolerance,
      );
    }
  }

  test.each(errors)('is within the error of %s', (error) => {
    const aggregate = quantile(n, quantiles, { error });
    fc.assert(
      fc.property(numbersOf(17), splittings, (values, splitting) => {
        const accumulator = merged(aggregate, values.map(itemOf), splitting);
        expect((accumulator as QuantileSketch).level).toBe(0);
        expectWithin(values, aggregate.result(accumulator), error);
      }),
    );
  });

  test('is exact where all values are the same, and at both ends', () => {
    const aggregate = quantile(n, [0, 0.5, 1]);
    const over7 = over(aggregate, [7, 7, 7].map(itemOf));
    expect(aggregate.result(over7)).toEqual([7, 7, 7]);
    const wide = over(aggregate, [-Number.MAX_VALUE, 0, Number.MAX_VALUE].map(itemOf));
    expect(aggregate.result(wide)).toEqual([-Number.MAX_VALUE, 0, Number.MAX_VALUE]);
  });

  test.each(errors)('with the error %s is the same sketch in any order', (error) => {
    expectSameBytes(quantile(n, 0.5, { error }), numbersOf(17));
  });

  describe('of numbers that have more bins than it keeps', () => {
    const error = 0.25;
    const aggregate = quantile(n, quantiles, { error });
    const binsMax = 77;
    /** Any double, so that hundreds have hundreds of bins. */
    const wide = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), {
      minLength: 100,
      maxLength: 300,
      size: 'max',
    });

    test('makes bins coarser, all alike, and stays within what that means', () => {
      let levelMax = 0;
      fc.assert(
        fc.property(wide, splittings, (values, splitting) => {
          const accumulator = merged(aggregate, values.map(itemOf), splitting) as QuantileSketch;
          expect(accumulator.bins.length).toBeLessThanOrEqual(binsMax);
          levelMax = Math.max(levelMax, accumulator.level);
          const coarser = Math.tanh(Math.atanh(error) * 2 ** accumulator.level);
          expectWithin(values, aggregate.result(accumulator), coarser);
        }),
        { numRuns: 30, endOnFailure: true }, // shrinking would take minutes
      );
      expect(levelMax).toBeGreaterThan(0);
    });

    test('is the same sketch in any order', () => {
      fc.assert(
        fc.property(twice(wide), ([values, shuffled, splitting]) => {
          const whole = over(aggregate, values.map(itemOf));
          const parts = merged(aggregate, shuffled.map(itemOf), splitting);
          expect(parts).toEqual(whole);
        }),
        { numRuns: 20, endOnFailure: true }, // likewise
      );
    });
  });

  test('takes 20 KB at most, at one per cent', () => {
    const aggregate = quantile(n, 0.5);
    let accumulator = aggregate.create();
    for (let i = 0; i < 30_000; i++) {
      accumulator = aggregate.add(accumulator, itemOf(10 ** ((i % 3000) / 150)), 0);
    }
    expect((accumulator as QuantileSketch).level).toBe(1);
    expect(bytesOf(aggregate, accumulator).length).toBeLessThan(20_000);
  });
});

describe('approximateCountDistinct', () => {
  /** Root of the mean square, and mean, of the relative error over many sets of `size` texts. */
  function errorsOf(error: number, size: number, sets: number) {
    const aggregate = approximateCountDistinct((i: number) => `user-${i}`, { error });
    const relative: number[] = [];
    for (let set = 0; set < sets; set++) {
      let accumulator = aggregate.create();
      for (let i = 0; i < size; i++) accumulator = aggregate.add(accumulator, set * size + i, 0);
      relative.push(aggregate.result(accumulator) / size - 1);
    }
    const mean = relative.reduce((a, b) => a + b, 0) / sets;
    return { mean, deviation: Math.sqrt(relative.reduce((a, b) => a + b * b, 0) / sets) };
  }

  test.each([
    [0.1, 40, 400],
    [0.1, 128, 400],
    [0.1, 320, 400],
    [0.1, 640, 300],
    [0.1, 5000, 100],
    [0.03, 2000, 100],
    [0.03, 5000, 60],
    [0.01, 20_000, 12],
  ])('with the error %s, of %i texts, is within it and without bias', (error, size, sets) => {
    const { mean, deviation } = errorsOf(error, size, sets);
    expect(deviation).toBeLessThan(error);
    expect(Math.abs(mean)).toBeLessThan((2.6 * error) / Math.sqrt(sets));
  });

  test('is exact of few', () => {
    const aggregate = approximateCountDistinct(n);
    for (const size of [1, 2, 10, 100]) {
      const values = Array.from({ length: size }, (_, i) => itemOf(i));
      expect(aggregate.result(over(aggregate, [...values, ...values]))).toBe(size);
    }
  });

  test.each([0.1, 0.05])('with the error %s is the same sketch in any order', (error) => {
    const numbers = fc.array(fc.nat({ max: 300 }), { maxLength: 120, size: 'max' });
    expectSameBytes(approximateCountDistinct(n, { error }), numbers);
  });

  test('takes the place of the first 1 for the rank, in either half of the hash', () => {
    const scale = new HyperLogLogScale(7);
    const rankOf = (high: number, low: number) => {
      const sketch = scale.create();
      scale.add(sketch, high, low);
      return sketch[0].length - 1;
    };
    expect(rankOf(2 ** 31, 0)).toBe(64 - 7 + 1); // there is none
    expect(rankOf(0, 1)).toBe(64 - 7);
    expect(rankOf(0, 2 ** 31)).toBe(32 - 7 + 1);
    expect(rankOf(1, 0)).toBe(32 - 7);
    expect(rankOf(2 ** 24, 0)).toBe(1);
    expect(rankOf(2 ** 25, 2 ** 31)).toBe(32 - 7 + 1); // part of the index
  });

  test('takes few bytes of few, and 17 KB at most at one per cent', () => {
    const aggregate = approximateCountDistinct(n);
    let accumulator = aggregate.create();
    const sizes: number[] = [];
    for (let i = 1; i <= 60_000; i++) {
      accumulator = aggregate.add(accumulator, itemOf(i), 0);
      if (i === 10 || i % 1000 === 0) sizes.push(bytesOf(aggregate, accumulator).length);
    }
    expect(sizes[0]).toBeLessThan(130);
    expect(Math.max(...sizes)).toBeLessThan(17_500);
  });
});

describe('the hash of texts', () => {
  const hashed = (text: string, by: 'of' | 'fnv1a' = 'of') => {
    const hash = new TextHash();
    hash[by](text);
    const hex = (half: number) => half.toString(16).padStart(8, '0');
    return hex(hash.high) + hex(hash.low);
  };

  test.each([
    ['', 'cbf29ce484222325'],
    ['a', 'af63dc4c8601ec8c'],
    ['foobar', '85944171f73967e8'],
  ])('begins with FNV-1a: %j', (text, expected) => {
    expect(hashed(text, 'fnv1a')).toBe(expected);
  });

  test('is FNV-1a as BigInt computes it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 0xffff }), { maxLength: 30 }), (units) => {
        const text = String.fromCharCode(...units);
        let expected = 0xcbf29ce484222325n;
        for (const unit of units) {
          expected ^= BigInt(unit);
          expected = BigInt.asUintN(64, expected * 0x100000001b3n);
        }
        expect(hashed(text, 'fnv1a')).toBe(expected.toString(16).padStart(16, '0'));
      }),
    );
  });

  test('never changes: sketches on disk were made with it', () => {
    expect([hashed(''), hashed('"ada"'), hashed('"ü"'), hashed('12')]).toEqual([
      'e3cda6e47534f8b9',
      '6daad66083230437',
      '9a9e442c731a9b0d',
      'c2865966f6a035ee',
    ]);
  });
});
