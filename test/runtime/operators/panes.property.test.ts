/**
 * Windows that may fire more than once:
 *
 * - A record counts for those of its windows whose end plus the allowed lateness the watermark had
 *   not passed, and is late exactly if there is none.
 * - Each window gives the panes that its trigger says: accumulating or discarding, numbered, early
 *   before its end, on time at it, late behind it, and what is left when it goes.
 * - All this in every mode, with any number of partitions and any disorder.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  afterCount,
  afterWatermark,
  count,
  hopping,
  type InPane,
  job,
  repeatedly,
  sum,
  topic,
  tumbling,
  type WindowTimes,
} from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import type { Pane } from '../../../src/runtime/index.ts';
import { type ScriptStep, sameInEveryMode, valuesOf } from '../../support/operator-harness.ts';
import { historyOf, type Met } from '../../support/operator-harness-model.ts';
import {
  byReading,
  type Reading,
  readingScripts,
  readings,
  scriptsTried,
  someModes,
} from '../../support/operator-harness-scripts.ts';
import type { Bounds } from '../../support/window-model.ts';

interface Setting {
  readonly hops: boolean;
  readonly latenessMs: number;
  readonly mode: 'accumulating' | 'discarding';
  /** Records behind which a pane leaves early, and late; 0: none early. */
  readonly early: number;
  readonly late: number;
  /** Regardless of the end: `late` counts for both. */
  readonly repeats: boolean;
  readonly outOfOrdernessMs: number;
}

const settings: fc.Arbitrary<Setting> = fc.record({
  hops: fc.boolean(),
  latenessMs: fc.constantFrom(0, 3, 30),
  mode: fc.constantFrom('accumulating', 'discarding'),
  early: fc.constantFrom(0, 1, 2),
  late: fc.constantFrom(1, 2),
  repeats: fc.boolean(),
  outOfOrdernessMs: fc.constantFrom(0, 5),
});

const one = { key: keyJson<string>(), partitions: 1 };
const results = topic('results', { ...one, value: json() });
const tooLate = topic('late', { ...one, value: json<Reading>() });

const jobOf = ({ hops, latenessMs, mode, early, late, repeats, outOfOrdernessMs }: Setting) =>
  job('panes', ({ from }) => {
    const before = early === 0 ? {} : { early: afterCount(early) };
    const windowed = from(readings, { ...byReading, outOfOrderness: outOfOrdernessMs })
      .keyBy((r) => r.key)
      .window(hops ? hopping(20, { every: 10 }) : tumbling(10))
      .trigger(
        repeats
          ? repeatedly(afterCount(late))
          : afterWatermark({ ...before, late: afterCount(late) }),
        { mode },
      )
      .allowedLateness(latenessMs)
      .aggregate({ n: count(), total: sum((r) => r.n) });
    windowed.to(results);
    windowed.late.to(tooLate);
  });

const windowsOf = ({ at }: Reading, hops: boolean): Bounds[] => {
  const start = Math.floor(at / 10) * 10;
  return hops
    ? [-10, 0].map((before) => ({ start: start + before, end: start + before + 20 }))
    : [{ start, end: start + 10 }];
};

/** The panes of one window of a key, whose records are all there. */
function panesOf(records: readonly Met<Reading>[], { end }: Bounds, of: Setting): unknown[] {
  const panes: unknown[] = [];
  let pending: Met<Reading>[] = [];
  const shown: Met<Reading>[] = [];
  let hasEnded = false;
  const emit = (timing: Pane['timing'], isLast: boolean) => {
    shown.push(...pending);
    const inPane = of.mode === 'accumulating' ? shown : pending;
    const total = inPane.reduce((a, { value }) => a + value.n, 0);
    if (inPane.length > 0) {
      panes.push({ n: inPane.length, total, pane: { index: panes.length, timing, isLast } });
    }
    pending = [];
  };
  const endIt = () => {
    const isLast = of.latenessMs === 0;
    if (!hasEnded && (!of.repeats || (isLast && pending.length > 0))) emit('on-time', isLast);
    hasEnded = true;
  };
  for (const record of records) {
    const isPast = record.watermark >= end - 1;
    if (isPast) endIt();
    pending.push(record);
    const after = of.repeats || isPast ? of.late : of.early;
    if (after > 0 && pending.length >= after) emit(isPast ? 'late' : 'early', false);
  }
  endIt();
  if (pending.length > 0) emit('late', true);
  return panes;
}

function model(script: readonly ScriptStep[], of: Setting) {
  const { met } = historyOf<Reading>(script, of.outOfOrdernessMs);
  const open = ({ value, watermark }: Met<Reading>) =>
    windowsOf(value, of.hops).filter(({ end }) => end - 1 + of.latenessMs > watermark);
  const taken = met.flatMap((record) => open(record).map((window) => ({ record, window })));
  const groups = Object.groupBy(
    taken,
    ({ record, window }) => `${record.value.key} ${window.start}`,
  );
  const panes = Object.entries(groups).map(([name, group = []]) => {
    const window = group[0]?.window ?? { start: 0, end: 0 };
    const records = group.map(({ record }) => record);
    return [name, panesOf(records, window, of)] as const;
  });
  return {
    late: met.filter((record) => open(record).length === 0).map(({ value }) => value),
    panes: Object.fromEntries(panes),
  };
}

test.each([1, 3])('panes over %d partitions are those of the model', async (partitions) => {
  const scripts = readingScripts({ partitions, timeMax: 60 });
  await fc.assert(
    fc.asyncProperty(scripts, settings, someModes, async (script, of, modes) => {
      const outputs = await sameInEveryMode(jobOf(of), script, { modes, partitions });
      const written = outputs['results/0'] ?? [];
      const byWindow = Object.groupBy(written, ({ key, value }) => {
        return `${key} ${(value as WindowTimes).windowStart}`; // as the job writes it
      });
      const seen = Object.entries(byWindow).map(([name, group = []]) => {
        const values = group.map(({ value }) => {
          const { windowStart, windowEnd, ...rest } = value as WindowTimes & InPane; // likewise
          return rest;
        });
        return [name, values] as const;
      });
      const expected = model(script, of);
      expect(Object.fromEntries(seen)).toEqual(expected.panes);
      expect(valuesOf(outputs, 'late')).toEqual(expected.late);
    }),
    { numRuns: scriptsTried(25) },
  );
});
