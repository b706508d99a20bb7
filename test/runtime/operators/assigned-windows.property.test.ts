/**
 * Sessions, and windows that a function chooses:
 *
 * - A record extends, bridges or opens a session of its key, or is late: exactly if what it would
 *   form had ended before the watermark, and no open session overlaps it.
 * - A record counts for exactly those of its chosen windows that had not fired when it came.
 * - Each result is what its records come to, and leaves in the order of time and key.
 * - All this in every mode, with any number of partitions and any disorder.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { job, session, topic, windows } from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import type { CustomWindows, Job, SessionWindows } from '../../../src/runtime/index.ts';
import { type ScriptStep, sameInEveryMode, valuesOf } from '../../support/operator-harness.ts';
import { compareKeysOfPlaces } from '../../support/operator-harness-model.ts';
import {
  byReading,
  type Reading,
  readingScripts,
  readings,
  scriptsTried,
  someModes,
} from '../../support/operator-harness-scripts.ts';
import {
  type Bounds,
  everyAggregate,
  type Modelled,
  modelOf,
  sessionModelOf,
} from '../../support/window-model.ts';

const one = { key: keyJson<string>(), partitions: 1 };
const results = topic('results', { ...one, value: json() });
const late = topic('late', { ...one, value: json<Reading>() });
const outOfOrderness = fc.constantFrom(0, 5, 40);

type Assigner = SessionWindows<Reading> | CustomWindows<Reading>;

const jobOf = (assigner: Assigner, outOfOrdernessMs: number): Job =>
  job('assigned', ({ from }) => {
    const windowed = from(readings, { ...byReading, outOfOrderness: outOfOrdernessMs })
      .keyBy((r) => r.key)
      .window(assigner)
      .aggregate(everyAggregate);
    windowed.to(results);
    windowed.late.to(late);
  });

async function check(
  of: Job,
  script: readonly ScriptStep[],
  expected: Modelled,
  options: Parameters<typeof sameInEveryMode>[2],
): Promise<void> {
  const outputs = await sameInEveryMode(of, script, options);
  expect(outputs['results/0']).toEqual(expected.results);
  expect(valuesOf(outputs, 'late')).toEqual(expected.late);
}

test.each([1, 3])('sessions over %d partitions are those of the model', async (partitions) => {
  const scripts = readingScripts({ partitions });
  const gaps = fc.constantFrom<number | 'own'>(1, 4, 15, 'own');
  await fc.assert(
    fc.asyncProperty(scripts, gaps, outOfOrderness, someModes, async (script, gap, ms, modes) => {
      const gapOf = ({ n }: Reading) => (gap === 'own' ? 1 + Math.abs(n) : gap);
      const assigner = gap === 'own' ? session({ gap: gapOf }) : session(gap);
      const of = jobOf(assigner, ms);
      const expected = sessionModelOf(script, { outOfOrdernessMs: ms, gapOf });
      await check(of, script, expected, { modes, partitions });
    }),
    { numRuns: scriptsTried(20) },
  );
});

test('chosen windows are those of the model', async () => {
  const chosen = ({ at, n }: Pick<Reading, 'at' | 'n'>): Bounds[] =>
    Array.from({ length: Math.abs(n) % 4 }, (_, i) => ({
      start: at - (at % 7) - i * 10,
      end: at + 1 + i * 8,
    }));
  const assigner = windows<Reading>({ name: 'chosen', assign: (at, { n }) => chosen({ at, n }) });
  await fc.assert(
    fc.asyncProperty(readingScripts(), outOfOrderness, someModes, async (script, ms, modes) => {
      const of = jobOf(assigner, ms);
      const options = { windowsOf: chosen, compareKeys: compareKeysOfPlaces };
      const expected = modelOf(script, { outOfOrdernessMs: ms, ...options });
      await check(of, script, expected, { modes });
    }),
    { numRuns: scriptsTried(20) },
  );
});

test('the model itself has sessions that are bridged, and late records', () => {
  const records = [10, 30, 20, 60, 25].map((at) => ({ value: { key: 'a', at, n: 1 } }));
  const options = { outOfOrdernessMs: 25, gapOf: () => 11 };
  const modelled = sessionModelOf([{ records }], options);
  expect(modelled.results.map(({ timestamp }) => timestamp)).toEqual([40, 70]);
  expect(modelled.late.map(({ at }) => at)).toEqual([]);
  const strict = sessionModelOf([{ records }], { ...options, outOfOrdernessMs: 0 });
  expect(strict.late.map(({ at }) => at)).toEqual([25]);
});
