/**
 * Aggregates that keep more than a few numbers, and those of the user:
 *
 * - A running one gives, for each record, what the records of its key so far come to.
 * - One of a window gives what the records of the window come to; in state of a process step, what
 *   was added.
 * - In every mode: however records are batched, and wherever state was stored and came back.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  aggregate,
  aggregating,
  approximateCountDistinct,
  argMax,
  argMin,
  collect,
  countDistinct,
  earliest,
  histogram,
  job,
  latest,
  quantile,
  standardDeviation,
  topic,
  topK,
  tumbling,
  variance,
} from '../../../src/dsl/index.ts';
import { json, keyJson, structured } from '../../../src/formats/index.ts';
import { sameInEveryMode, valuesOf } from '../../support/operator-harness.ts';
import { historyOf } from '../../support/operator-harness-model.ts';
import {
  byReading,
  type Reading,
  readingScripts,
  readings,
  scriptsTried,
  someModes,
} from '../../support/operator-harness-scripts.ts';

const one = { key: keyJson<string>(), partitions: 1 };
const resultsTo = <Value>(name: string) => topic(name, { ...one, value: json<Value>() });

const n = (reading: Reading) => reading.n;

/** How often each number came; its accumulator is no JSON. */
const frequencies = aggregate({
  name: 'frequencies',
  create: () => new Map<number, number>(),
  add: (times, { n }: Reading) => times.set(n, (times.get(n) ?? 0) + 1),
  merge(left, right) {
    for (const [n, times] of right) left.set(n, (left.get(n) ?? 0) + times);
    return left;
  },
  result: (times) => Object.fromEntries(times),
  codec: structured<Map<number, number>>(),
});

/** Emits its accumulator, and goes on changing it. */
const path = aggregate({
  name: 'path',
  create: (): { readonly of: number[] } => ({ of: [] }),
  add(path, { n }: Reading) {
    path.of.push(n);
    return path;
  },
  merge: (left, right) => ({ of: [...left.of, ...right.of] }),
  result: (path) => path,
});

/** Its accumulator may be null, which is not the same as none. */
const sign = aggregate({
  name: 'sign',
  create: (): string | null => 'never negative',
  add: (kept, { n }: Reading) => (n < 0 ? null : (kept ?? 'was negative')),
  merge: (left, right) => right ?? left,
  result: (kept) => kept ?? 'negative',
});

function signOf(of: readonly Reading[]): string {
  if ((of.at(-1)?.n ?? 0) < 0) return 'negative';
  return of.some(({ n }) => n < 0) ? 'was negative' : 'never negative';
}

const all = {
  variance: variance(n),
  deviation: standardDeviation(n, { sample: true }),
  quantiles: quantile(n, [0, 0.5, 1]),
  bars: histogram(n, [-10, 0, 10]),
  top: topK(n, 2),
  least: argMin(n, ({ at }) => at),
  greatest: argMax(n),
  opened: earliest(({ n }: Reading) => [n]),
  closed: latest(),
  collected: collect(n, { max: 3, keep: 'latest' }),
  distinct: countDistinct(({ n }: Reading) => ({ even: n % 2 === 0, negative: n < 0 })),
  about: approximateCountDistinct(n),
  frequencies,
  path,
};

const aggregates = job('aggregates', ({ from }) => {
  const byKey = from(readings, byReading).keyBy((r) => r.key);
  byKey.aggregate(all).to(resultsTo('running'));
  byKey.window(tumbling(1000)).aggregate(all).to(resultsTo('windows'));
  byKey
    .process({
      state: {
        path: aggregating(path),
        top: aggregating(topK(n, 2)),
        sign: aggregating(sign),
        all: aggregating(all),
      },
      onRecord(reading, { state }) {
        const { path, top, sign, all } = state;
        const kept = () => [path.get(), top.get(), sign.get(), all.get()?.path];
        const before = kept().map((each) => each ?? null);
        for (const each of [path, top, sign, all]) each.add(reading);
        return [{ before, after: kept() }];
      },
    })
    .to(resultsTo('states'));
});

const byTime = (of: readonly Reading[]) => of.toSorted((a, b) => a.at - b.at);
const topOf = (of: readonly Reading[]) => byTime(of).toSorted((a, b) => b.n - a.n);
const about = (value: number) => expect.closeTo(value, 9);

function resultOf(of: readonly Reading[]): object {
  const ns = of.map(n);
  const ascending = ns.toSorted((a, b) => a - b);
  const mean = ns.reduce((a, b) => a + b, 0) / ns.length;
  const squares = ns.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const times = Map.groupBy(ns, (value) => value);
  const median = ascending[Math.floor((ns.length - 1) / 2)] ?? Number.NaN;
  return {
    variance: about(squares / ns.length),
    deviation: ns.length === 1 ? null : about(Math.sqrt(squares / (ns.length - 1))),
    quantiles: [ascending[0], expect.closeTo(median, 0), ascending.at(-1)], // nearest whole one
    bars: {
      below: ns.filter((value) => value < -10).length,
      counts: [
        ns.filter((value) => value >= -10 && value < 0).length,
        ns.filter((value) => value >= 0 && value < 10).length,
      ],
      above: ns.filter((value) => value >= 10).length,
    },
    top: topOf(of).slice(0, 2),
    least: byTime(of).toSorted((a, b) => a.n - b.n)[0]?.at,
    greatest: topOf(of)[0],
    opened: [byTime(of)[0]?.n],
    closed: byTime(of).at(-1),
    collected: byTime(of).map(n).slice(-3),
    distinct: new Set(ns.map((value) => `${value % 2 === 0} ${value < 0}`)).size,
    about: times.size, // exact of few
    frequencies: Object.fromEntries([...times].map(([value, same]) => [value, same.length])),
    path: { of: ns },
  };
}

test('aggregates are those of the model, running, of windows and in state', async () => {
  const scripts = readingScripts({ partitions: 2, recordsMax: 8 });
  await fc.assert(
    fc.asyncProperty(scripts, someModes, async (script, modes) => {
      const outputs = await sameInEveryMode(aggregates, script, { modes, partitions: 2 });
      const met = historyOf<Reading>(script, 0).met.map((record) => record.value);
      const soFar = met.map((reading, i) =>
        met.slice(0, i + 1).filter((r) => r.key === reading.key),
      );
      expect(valuesOf(outputs, 'running')).toEqual(soFar.map(resultOf));
      const last = new Map(soFar.map((of) => [of.at(-1)?.key, of]));
      const windows = [...last.values()].map((of) => ({
        ...resultOf(of),
        windowStart: 0,
        windowEnd: 1000,
      }));
      const written = valuesOf(outputs, 'windows');
      expect(written).toHaveLength(windows.length);
      expect(written).toEqual(expect.arrayContaining(windows));
      const stateOf = (of: readonly Reading[]) => {
        const path = { of: of.map(n) };
        if (of.length === 0) return [null, null, null, null];
        return [path, topOf(of).slice(0, 2), signOf(of), path];
      };
      expect(valuesOf(outputs, 'states')).toEqual(
        soFar.map((of) => ({ before: stateOf(of.slice(0, -1)), after: stateOf(of) })),
      );
    }),
    { numRuns: scriptsTried(30) },
  );
});
