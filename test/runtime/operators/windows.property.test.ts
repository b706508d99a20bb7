/**
 * - Every record is in the result of its window or late, and late exactly if the watermark had
 *   passed its window when the record came.
 * - Each result is what its records, all at once, come to; results leave in the order of window and
 *   key.
 * - All this in every mode, with any number of partitions and any disorder.
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
  tumbling,
} from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import { type ScriptStep, sameInEveryMode, valuesOf } from '../../support/operator-harness.ts';
import { compareKeys, historyOf, type Met } from '../../support/operator-harness-model.ts';
import {
  byReading,
  type Reading,
  readingScripts,
  readings,
  scriptsTried,
  someModes,
} from '../../support/operator-harness-scripts.ts';

interface WindowSettings {
  readonly sizeMs: number;
  readonly offsetMs: number;
  readonly outOfOrdernessMs: number;
}

const settings: fc.Arbitrary<WindowSettings> = fc.record({
  sizeMs: fc.constantFrom(1, 7, 25),
  offsetMs: fc.constantFrom(0, 3),
  outOfOrdernessMs: fc.constantFrom(0, 5, 40),
});

const one = { key: keyJson<string>(), partitions: 1 };
const results = <Value>() => topic('results', { ...one, value: json<Value>() });
const late = topic('late', { ...one, value: json<Reading>() });

const jobOf = ({ sizeMs, offsetMs, outOfOrdernessMs }: WindowSettings) =>
  job('windows', ({ from }) => {
    const windowed = from(readings, { ...byReading, outOfOrderness: outOfOrdernessMs })
      .keyBy((r) => r.key)
      .window(tumbling(sizeMs, { offset: offsetMs }))
      .aggregate({
        count: count(),
        sum: sum((r) => r.n),
        min: min((r) => r.n),
        max: max((r) => r.n),
        mean: mean((r) => r.n),
        share: share((r) => r.n > 0),
        first: first((r) => ({ n: r.n })),
        last: last((r) => [r.at]),
      });
    windowed.to(results());
    windowed.late.to(late);
  });

/** All records of a window at once. */
function resultOf(values: readonly Reading[]): object {
  const ns = values.map((r) => r.n);
  const total = ns.reduce((a, b) => a + b, 0);
  return {
    count: ns.length,
    sum: total,
    min: Math.min(...ns),
    max: Math.max(...ns),
    mean: total / ns.length,
    share: ns.filter((n) => n > 0).length / ns.length,
    first: { n: ns[0] },
    last: [values.at(-1)?.at],
  };
}

function model(script: readonly ScriptStep[], { sizeMs, offsetMs, ...rest }: WindowSettings) {
  const { met } = historyOf<Reading>(script, rest.outOfOrdernessMs);
  const start = ({ at }: Met<Reading>) => Math.floor((at - offsetMs) / sizeMs) * sizeMs + offsetMs;
  const isLate = (record: Met<Reading>) => start(record) + sizeMs - 1 <= record.watermark;
  const groups = Object.values(
    Object.groupBy(
      met.filter((record) => !isLate(record)),
      (record) => `${start(record)} ${record.value.key}`,
    ),
  ).flatMap((group = []) => {
    const [any] = group;
    return any === undefined ? [] : [{ start: start(any), key: any.value.key, group }];
  });
  return {
    late: met.filter(isLate).map(({ value }) => value),
    results: groups
      .toSorted((a, b) => a.start - b.start || compareKeys(a.key, b.key))
      .map(({ start: windowStart, key, group }) => ({
        key,
        value: {
          ...resultOf(group.map(({ value }) => value)),
          windowStart,
          windowEnd: windowStart + sizeMs,
        },
        timestamp: windowStart + sizeMs - 1,
        headers: [],
      })),
  };
}

async function check(
  script: readonly ScriptStep[],
  given: WindowSettings,
  options: Parameters<typeof sameInEveryMode>[2],
): Promise<void> {
  const outputs = await sameInEveryMode(jobOf(given), script, options);
  const expected = model(script, given);
  expect(outputs['results/0']).toEqual(expected.results);
  expect(valuesOf(outputs, 'late')).toEqual(expected.late);
}

test('windows of one partition are those of the model', async () => {
  await fc.assert(
    fc.asyncProperty(readingScripts(), settings, someModes, (script, given, modes) =>
      check(script, given, { modes }),
    ),
    { numRuns: scriptsTried(30) },
  );
});

test('windows of several partitions are those of the model', async () => {
  const scripts = readingScripts({ partitions: 3 });
  await fc.assert(
    fc.asyncProperty(scripts, settings, someModes, (script, given, modes) =>
      check(script, given, { modes, partitions: 3 }),
    ),
    { numRuns: scriptsTried(30) },
  );
});

test('the model itself has results and late records', () => {
  const records = [5, 30, 4, 31, 2].map((at) => ({ value: { key: 'a', at, n: 1 } }));
  const { late: tooLate, results: inTime } = model([{ records }], {
    sizeMs: 7,
    offsetMs: 0,
    outOfOrdernessMs: 5,
  });
  expect(tooLate.map(({ at }) => at)).toEqual([4, 2]);
  expect(inTime.map(({ timestamp }) => timestamp)).toEqual([6, 34]);
});
