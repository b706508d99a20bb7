/** Aggregates against what they mean, however the records are split, merged and stored. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Aggregate,
  count,
  first,
  last,
  max,
  mean,
  min,
  share,
  sum,
} from '../../src/dsl/index.ts';

interface Item {
  readonly n: number;
}

const n = ({ n }: Item) => n;
const cases: readonly [Aggregate<Item, unknown>, (values: readonly number[]) => unknown][] = [
  [count(), (values) => values.length],
  [sum(n), exactSum],
  [mean(n), (values) => exactSum(values) / values.length],
  [min(n), (values) => Math.min(...values)],
  [max(n), (values) => Math.max(...values)],
  [share(({ n }) => n > 0), (values) => values.filter((v) => v > 0).length / values.length],
  [first(n), (values) => values[0]],
  [last(n), (values) => values.at(-1)],
];

/** Whole numbers, so that the naive sum is exact too. */
function exactSum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

const whole = fc.integer({ min: -(2 ** 40), max: 2 ** 40 });
const parts = fc.array(fc.array(whole, { maxLength: 8 }), { minLength: 1, maxLength: 5 });

describe.each(cases.map(([aggregate, naive]) => ({ name: aggregate.name, aggregate, naive })))(
  '$name',
  ({ aggregate, naive }) => {
    /** As a checkpoint and a restore would leave it. */
    function stored(accumulator: unknown): unknown {
      const bytes = aggregate.codec.encode(accumulator);
      return aggregate.codec.decode(bytes, 0, bytes.length);
    }

    const over = (values: readonly number[]) =>
      values.reduce<unknown>(
        (accumulator, value, i) => stored(aggregate.add(accumulator, { n: value }, i)),
        aggregate.create(),
      );

    test('is what it means', () => {
      fc.assert(
        fc.property(fc.array(whole, { minLength: 1 }), (values) => {
          expect(aggregate.result(over(values))).toBe(naive(values));
        }),
      );
    });

    test('of parts, merged in their order, is that of the whole', () => {
      fc.assert(
        fc.property(parts, (some) => {
          fc.pre(some.some((part) => part.length > 0));
          const merged = some.map(over).reduce((a, b) => aggregate.merge(a, b));
          expect(aggregate.result(merged)).toBe(naive(some.flat()));
        }),
      );
    });
  },
);

describe('sum and mean', () => {
  test('lose no digits to the number or the order of values', () => {
    for (const aggregate of [sum(n), mean(n)]) {
      const values = [1e100, 1, -1e100, ...Array.from({ length: 10 }, () => 0.1)];
      const total = values.reduce<unknown>(
        (accumulator, value, i) => aggregate.add(accumulator, { n: value }, i),
        aggregate.create(),
      );
      const expected = aggregate.name === 'sum' ? 2 : 2 / values.length;
      expect(aggregate.result(total)).toBeCloseTo(expected, 12);
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, '1', undefined])('refuse %s', (value) => {
    const aggregate = mean(() => value as number);
    expect(() => aggregate.add(aggregate.create(), {}, 0)).toThrow(
      `the function given to mean() returned ${value}; it must return a finite number.`,
    );
  });

  test('refuse to overflow', () => {
    const aggregate = sum(n);
    const huge = aggregate.add(aggregate.create(), { n: Number.MAX_VALUE }, 0);
    expect(() => aggregate.add(huge, { n: Number.MAX_VALUE }, 0)).toThrow('finite');
  });
});

describe('first and last', () => {
  test('keep a copy: who changes the record later does not change them', () => {
    for (const aggregate of [first(({ list }: { list: number[] }) => list), last(() => [1])]) {
      const record = { list: [1] };
      const kept = aggregate.add(aggregate.create(), record, 0);
      record.list.push(2);
      expect(aggregate.result(kept)).toEqual([1]);
    }
  });

  test('refuse what JSON does not give back', () => {
    const aggregate = first(() => new Date(0));
    expect(() => aggregate.add(aggregate.create(), {}, 0)).toThrow();
  });
});
