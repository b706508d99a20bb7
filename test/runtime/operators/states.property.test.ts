/**
 * Lists, maps, reducing and aggregating state hold, for each key, what arrays, Maps and sums over
 * its records so far hold; in every mode.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  aggregating,
  count,
  job,
  list,
  map,
  reducing,
  sum,
  topic,
} from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
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

interface Seen {
  readonly list: readonly Reading[];
  readonly map: readonly (readonly [string, number])[];
  readonly has: boolean;
  readonly best: number | null;
  readonly total: number | null;
  readonly stats: { readonly n: number } | null;
}

const seen = topic('seen', { key: keyJson<string>(), value: json<Seen>(), partitions: 1 });

/** The item of a reading: few, so that they meet. */
const itemOf = ({ n }: Reading) => 'abc'[Math.abs(n) % 3] ?? '';
const clearsAll = ({ n }: Reading) => n % 7 === 3;
const deletes = ({ n }: Reading) => n < 0;

const keeping = job('keeping', ({ from }) => {
  from(readings, byReading)
    .keyBy((r) => r.key)
    .process({
      state: {
        list: list<Reading>(),
        map: map<string, number>(),
        best: reducing<number>((a, b) => Math.max(a, b)),
        total: aggregating(sum((r: Reading) => r.n)),
        stats: aggregating({ n: count() }),
      },
      onRecord(reading, { state }) {
        if (clearsAll(reading)) for (const each of Object.values(state)) each.clear();
        state.list.add(reading);
        const item = itemOf(reading);
        if (deletes(reading)) state.map.delete(item);
        else state.map.update(item, (n = 0) => n + reading.n);
        state.best.add(reading.n);
        state.total.add(reading);
        state.stats.add(reading);
        return [
          {
            list: [...state.list.values()],
            map: [...state.map.entries()],
            has: state.map.has('a'),
            best: state.best.get() ?? null,
            total: state.total.get() ?? null,
            stats: state.stats.get() ?? null,
          },
        ];
      },
    })
    .to(seen);
});

/** What is kept of a key once its records so far have come. */
function keptOf(soFar: readonly Reading[]): Seen {
  const records = soFar.slice(Math.max(0, soFar.findLastIndex(clearsAll)));
  const items = new Map<string, number>();
  for (const reading of records) {
    const item = itemOf(reading);
    if (deletes(reading)) items.delete(item);
    else items.set(item, (items.get(item) ?? 0) + reading.n);
  }
  const ns = records.map(({ n }) => n);
  return {
    list: records,
    map: [...items].sort(([a], [b]) => (a < b ? -1 : 1)),
    has: items.has('a'),
    best: Math.max(...ns),
    total: ns.reduce((a, b) => a + b, 0),
    stats: { n: ns.length },
  };
}

test('each kind of state holds what its records so far come to', async () => {
  await fc.assert(
    fc.asyncProperty(readingScripts(), someModes, async (script, modes) => {
      const records = historyOf<Reading>(script, 0).met.map(({ value }) => value);
      const expected = records.map(({ key }, i) =>
        keptOf(records.slice(0, i + 1).filter((r) => r.key === key)),
      );
      const outputs = await sameInEveryMode(keeping, script, { modes });
      expect(valuesOf(outputs, 'seen')).toEqual(expected);
    }),
    { numRuns: scriptsTried(25) },
  );
});
