/**
 * Hopping and cumulating windows:
 *
 * - A record counts for exactly those of its windows that had not fired when it came, and is late
 *   exactly if all had.
 * - Each result is what its records come to; each window of a key fires once, in the order of time
 *   and key, and none fires that has no record.
 * - All this in every mode, with any number of partitions and any disorder.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cumulating, hopping, job, topic } from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import type { CumulatingWindows, HoppingWindows } from '../../../src/runtime/index.ts';
import { type ScriptStep, sameInEveryMode, valuesOf } from '../../support/operator-harness.ts';
import {
  byReading,
  type Reading,
  readingScripts,
  readings,
  scriptsTried,
  someModes,
} from '../../support/operator-harness-scripts.ts';
import { type Bounds, everyAggregate, modelOf } from '../../support/window-model.ts';

interface Setting {
  readonly assigner: HoppingWindows | CumulatingWindows;
  readonly outOfOrdernessMs: number;
  readonly all: readonly Bounds[];
  readonly sliceMs: number;
}

const one = { key: keyJson<string>(), partitions: 1 };
const results = topic('results', { ...one, value: json() });
const late = topic('late', { ...one, value: json<Reading>() });
const places = Array.from({ length: 400 }, (_, i) => i - 150);

const hoppingSetting = fc
  .tuple(
    fc.constantFrom([1, 1, 1], [12, 4, 4], [25, 10, 5], [7, 3, 1], [30, 30, 30], [40, 1, 1]),
    fc.constantFrom(0, 3, 8),
  )
  .map(([[size = 0, every = 0, sliceMs = 0], offset]) => ({
    assigner: hopping(size, { every, offset }),
    all: places.map((n) => ({ start: n * every + offset, end: n * every + offset + size })),
    sliceMs,
    offset,
  }));

const cumulatingSetting = fc
  .tuple(fc.constantFrom([20, 5], [6, 6], [9, 1]), fc.constantFrom(0, 3))
  .map(([[size = 0, every = 0], offset]) => ({
    assigner: cumulating(size, { every, offset }),
    all: places.flatMap((n) => {
      const start = n * size + offset;
      return places.flatMap((step) =>
        step >= 1 && step * every <= size ? [{ start, end: start + step * every }] : [],
      );
    }),
    sliceMs: every,
    offset,
  }));

const settings: fc.Arbitrary<Setting & { readonly offset: number }> = fc
  .tuple(fc.oneof(hoppingSetting, cumulatingSetting), fc.constantFrom(0, 5, 40))
  .map(([setting, outOfOrdernessMs]) => ({ ...setting, outOfOrdernessMs }));

const jobOf = ({ assigner, outOfOrdernessMs }: Setting) =>
  job('overlapping', ({ from }) => {
    const windowed = from(readings, { ...byReading, outOfOrderness: outOfOrdernessMs })
      .keyBy((r) => r.key)
      .window(assigner)
      .aggregate(everyAggregate);
    windowed.to(results);
    windowed.late.to(late);
  });

test.each([1, 3])('windows over %d partitions are those of the model', async (partitions) => {
  const scripts = readingScripts({ partitions });
  await fc.assert(
    fc.asyncProperty(scripts, settings, someModes, async (script, given, modes) => {
      const outputs = await sameInEveryMode(jobOf(given), script, { modes, partitions });
      const { outOfOrdernessMs, all, sliceMs, offset } = given;
      const expected = modelOf(script, {
        outOfOrdernessMs,
        windowsOf: ({ at }) => all.filter(({ start, end }) => start <= at && at < end),
        sliceOf: ({ at }) => Math.floor((at - offset) / sliceMs),
      });
      expect(outputs['results/0']).toEqual(expected.results);
      expect(valuesOf(outputs, 'late')).toEqual(expected.late);
    }),
    { numRuns: scriptsTried(25) },
  );
});

test('the model itself has windows that a late record still counts for', () => {
  const records = [0, 12, 1].map((at) => ({ value: { key: 'a', at, n: at } }));
  const script: ScriptStep[] = [{ records }];
  const { late: tooLate, results: inTime } = modelOf(script, {
    outOfOrdernessMs: 0,
    windowsOf: ({ at }) =>
      [0, 5, 10, 15].flatMap((end) =>
        end - 10 <= at && at < end ? [{ start: end - 10, end }] : [],
      ),
  });
  expect(tooLate).toEqual([{ key: 'a', at: 1, n: 1 }]);
  expect(inTime.map(({ timestamp }) => timestamp)).toEqual([4, 9, 14]);
});
