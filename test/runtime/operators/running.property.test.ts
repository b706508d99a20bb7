/**
 * - A running aggregate and a reduce give a result for each record: what the records of its key so
 *   far, all at once, come to.
 * - So does value state.
 * - In every mode, in the order in which the task meets the records.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  count,
  first,
  job,
  last,
  max,
  mean,
  min,
  share,
  sum,
  topic,
  value,
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

const one = { key: keyJson<string>(), partitions: 1 };
const aggregated = <Value>() => topic('aggregated', { ...one, value: json<Value>() });
const reduced = topic('reduced', { ...one, value: json<Reading>() });
const changes = <Value>() => topic('changes', { ...one, value: json<Value>() });

const running = job('running', ({ from }) => {
  const byKey = from(readings, byReading).keyBy((r) => r.key);
  byKey
    .aggregate({
      count: count(),
      sum: sum((r) => r.n),
      min: min((r) => r.n),
      max: max((r) => r.n),
      mean: mean((r) => r.n),
      share: share((r) => r.n > 0),
      first: first((r) => ({ of: [r.n] })),
      last: last((r) => r),
    })
    .to(aggregated());
  byKey.reduce((a, b) => (b.n >= a.n ? b : { key: a.key, at: b.at, n: a.n })).to(reduced);
  byKey
    .process({
      state: { before: value<Reading>() },
      onRecord(reading, { state }) {
        const before = state.before.get()?.n ?? null;
        if (reading.n < 0) state.before.clear();
        else state.before.set(reading);
        return [{ before }];
      },
    })
    .to(changes());
});

/** For each record, what `of` makes of all records of its key so far, that one being the last. */
function modelOf<Result>(
  records: readonly Reading[],
  of: (soFar: readonly Reading[]) => Result,
): Result[] {
  return records.map(({ key }, i) => of(records.slice(0, i + 1).filter((r) => r.key === key)));
}

function aggregatesOf(soFar: readonly Reading[]): object {
  const ns = soFar.map((r) => r.n);
  const total = ns.reduce((a, b) => a + b, 0);
  return {
    count: ns.length,
    sum: total,
    min: Math.min(...ns),
    max: Math.max(...ns),
    mean: total / ns.length,
    share: ns.filter((n) => n > 0).length / ns.length,
    first: { of: [ns[0]] },
    last: soFar.at(-1),
  };
}

test('running aggregates, reduce and value state are those of the model', async () => {
  await fc.assert(
    fc.asyncProperty(readingScripts({ partitions: 2 }), someModes, async (script, modes) => {
      const outputs = await sameInEveryMode(running, script, { modes, partitions: 2 });
      const met = historyOf<Reading>(script, 0).met.map((record) => record.value);
      expect(valuesOf(outputs, 'aggregated')).toEqual(modelOf(met, aggregatesOf));
      expect(valuesOf(outputs, 'reduced')).toEqual(
        modelOf(met, (soFar) =>
          soFar.reduce((a, b) => (b.n >= a.n ? b : { key: a.key, at: b.at, n: a.n })),
        ),
      );
      expect(valuesOf(outputs, 'changes')).toEqual(
        modelOf(met, (soFar) => {
          const before = soFar.at(-2);
          return { before: before === undefined || before.n < 0 ? null : before.n };
        }),
      );
    }),
    { numRuns: scriptsTried(40) },
  );
});
