/**
 * Aggregates against what they mean, however the records are split, merged and stored:
 *
 * - The result is what a naive model makes of all records at once.
 * - So it is of parts, in the order of arrival, merged in any grouping; and of records that come in
 *   another order, as far as the aggregate does not depend on it.
 * - What is merged into another accumulator stays as it is.
 * - A result that was handed out never changes, and whoever changes it changes nothing else.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  aggregate,
  aggregating,
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
import { structured } from '../../src/formats/index.ts';
import {
  type AnyAggregate,
  frozen,
  type Item,
  inAnyOrder,
  inOrderOfOneTime,
  items,
  merged,
  over,
  resultOver,
  splittings,
  spoil,
} from './aggregate-runs.ts';

interface Case {
  readonly aggregate: AnyAggregate;
  readonly naive: (records: readonly Item[]) => unknown;
  /** What of the order of records counts: nothing, which came first of one time, or all of it. */
  readonly order: 'any' | 'of one time' | 'arrival';
}

const n = ({ n }: Item) => n;
const numbers = (records: readonly Item[]) => records.map(n);
const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** Stable, as all sorting is. */
const byTime = (records: readonly Item[]) => records.toSorted((a, b) => a.at - b.at);
const byRank = (records: readonly Item[]) => byTime(records).toSorted((a, b) => a.n - b.n);
const byRankFalling = (records: readonly Item[]) => byTime(records).toSorted((a, b) => b.n - a.n);

/** Sums of squares differ in their last digits. */
const about = (value: number) => expect.closeTo(value, 9);

function squares(records: readonly Item[]): number {
  const average = total(numbers(records)) / records.length;
  return total(numbers(records).map((value) => (value - average) ** 2));
}

const tag = ({ tag }: Item) => ({ tag });
const top = (records: readonly Item[]) =>
  records.toSorted((a, b) => b.n - a.n || a.at - b.at || a.tag - b.tag).map(tag);

const sumsOfSigns = aggregate({
  name: 'sums-of-signs',
  create: () => new Map<number, number>(),
  add: (sums, { n }: Item) => sums.set(Math.sign(n), (sums.get(Math.sign(n)) ?? 0) + n),
  merge(left, right) {
    for (const [sign, n] of right) left.set(sign, (left.get(sign) ?? 0) + n);
    return left;
  },
  result: (sums) => sums,
  codec: structured<Map<number, number>>(),
});

const values = aggregate({
  name: 'values',
  create: (): number[] => [],
  add(all, { n }: Item) {
    all.push(n);
    return all;
  },
  merge: (left, right) => [...left, ...right],
  result: (all) => all,
});

const several = aggregating({ signs: sumsOfSigns, values, mean: mean(n), all: collect(n) });

const cases: readonly Case[] = [
  { aggregate: count(), naive: (records) => records.length, order: 'any' },
  { aggregate: sum(n), naive: (records) => total(numbers(records)), order: 'any' },
  {
    aggregate: mean(n),
    naive: (records) => total(numbers(records)) / records.length,
    order: 'any',
  },
  { aggregate: min(n), naive: (records) => Math.min(...numbers(records)), order: 'any' },
  { aggregate: max(n), naive: (records) => Math.max(...numbers(records)), order: 'any' },
  {
    aggregate: share(({ n }) => n > 0),
    naive: (records) => records.filter(({ n }) => n > 0).length / records.length,
    order: 'any',
  },
  {
    aggregate: variance(n),
    naive: (records) => about(squares(records) / records.length),
    order: 'any',
  },
  {
    aggregate: standardDeviation(n, { sample: true }),
    naive: (records) =>
      records.length === 1 ? null : about(Math.sqrt(squares(records) / (records.length - 1))),
    order: 'any',
  },
  {
    aggregate: quantile(n, [0, 1]),
    naive: (records) => [Math.min(...numbers(records)), Math.max(...numbers(records))],
    order: 'any',
  },
  {
    aggregate: histogram(n, [-5, 0, 8]),
    naive: (records) => ({
      below: records.filter(({ n }) => n < -5).length,
      counts: [
        records.filter(({ n }) => n >= -5 && n < 0).length,
        records.filter(({ n }) => n >= 0 && n < 8).length,
      ],
      above: records.filter(({ n }) => n >= 8).length,
    }),
    order: 'any',
  },
  {
    aggregate: topK(n, 3, tag),
    naive: (records) => top(records).slice(0, 3),
    order: 'any',
  },
  {
    aggregate: countDistinct(({ n, at }) => ({ n, early: at < 6 })),
    naive: (records) => new Set(records.map(({ n, at }) => `${n} ${at < 6}`)).size,
    order: 'any',
  },
  {
    // So few different ones that no two of them meet in a register.
    aggregate: approximateCountDistinct(n),
    naive: (records) => new Set(numbers(records)).size,
    order: 'any',
  },
  { aggregate: first(n), naive: (records) => records[0]?.n, order: 'arrival' },
  { aggregate: last(n), naive: (records) => records.at(-1)?.n, order: 'arrival' },
  { aggregate: earliest(), naive: (records) => byTime(records)[0], order: 'of one time' },
  { aggregate: latest(n), naive: (records) => byTime(records).at(-1)?.n, order: 'of one time' },
  { aggregate: argMin(n), naive: (records) => byRank(records)[0], order: 'of one time' },
  { aggregate: argMax(n), naive: (records) => byRankFalling(records)[0], order: 'of one time' },
  { aggregate: collect(), naive: byTime, order: 'of one time' },
  {
    aggregate: collect(n, { max: 4, keep: 'earliest' }),
    naive: (records) => numbers(byTime(records).slice(0, 4)),
    order: 'of one time',
  },
  {
    aggregate: collect(n, { max: 4, keep: 'latest' }),
    naive: (records) => numbers(byTime(records).slice(-4)),
    order: 'of one time',
  },
  {
    aggregate: several.aggregate,
    naive: (records) => ({
      signs: new Map(
        [...Map.groupBy(numbers(records), Math.sign)].map(([sign, of]) => [sign, total(of)]),
      ),
      values: numbers(records),
      mean: total(numbers(records)) / records.length,
      all: numbers(byTime(records)),
    }),
    order: 'arrival',
  },
];

describe.each(cases.map((each) => ({ name: each.aggregate.name, ...each })))(
  '$name',
  ({ aggregate, naive, order }) => {
    test('is what it means', () => {
      fc.assert(
        fc.property(items, (records) => {
          expect(resultOver(aggregate, records)).toEqual(naive(records));
        }),
      );
    });

    test('of parts, merged in any grouping, is that of the whole', () => {
      fc.assert(
        fc.property(items, splittings, (records, splitting) => {
          expect(aggregate.result(merged(aggregate, records, splitting))).toEqual(naive(records));
        }),
      );
    });

    test.runIf(order !== 'arrival')('depends on no more of the order than it says', () => {
      const another = order === 'any' ? inAnyOrder : inOrderOfOneTime;
      const both = items.chain((records) => fc.tuple(fc.constant(records), another(records)));
      fc.assert(
        fc.property(both, splittings, ([records, other], splitting) => {
          expect(aggregate.result(merged(aggregate, other, splitting))).toEqual(naive(records));
        }),
      );
    });

    test('hands out results that stay as they are', () => {
      fc.assert(
        fc.property(items, items, splittings, (records, more, splitting) => {
          let accumulator = merged(aggregate, records, splitting);
          const result = frozen(aggregate.result(accumulator));
          spoil(aggregate.result(accumulator));
          for (const item of more) accumulator = aggregate.add(accumulator, item, item.at);
          accumulator = aggregate.merge(accumulator, frozen(over(aggregate, more)));
          expect(result).toEqual(naive(records));
          expect(aggregate.result(accumulator)).toEqual(naive([...records, ...more, ...more]));
        }),
      );
    });
  },
);
