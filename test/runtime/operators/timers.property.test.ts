/**
 * - Event-time timers fire once each, when the watermark has reached them and not before, in the
 *   order of time and key, unless deleted first; one set for a time that has passed fires right
 *   behind the record that set it.
 * - Processing-time timers fire once each, when the clock has reached them, in the order of time
 *   and key, unless deleted first; those that fall due while no job runs fire after the restart.
 * - Both in every mode, as in a model that has the whole history in memory.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { job, topic } from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import {
  type ScriptStep,
  sameInEveryMode,
  scriptStartsAt,
  valuesOf,
} from '../../support/operator-harness.ts';
import { compareKeys, historyOf } from '../../support/operator-harness-model.ts';
import {
  byReading,
  type Reading,
  readingScripts,
  readings,
  scriptsTried,
  someModes,
} from '../../support/operator-harness-scripts.ts';

const happened = topic('happened', {
  key: keyJson<string>(),
  value: json<string>(),
  partitions: 1,
});

interface Timers {
  set(time: number): void;
  delete(time: number): void;
}

/** A reading of n sets a timer n behind its own time, or one n before; multiples of 4 delete. */
function handle({ at, n }: Reading, timers: Timers): void {
  if (n % 4 === 0) timers.delete(at + n);
  else timers.set(at + n);
}

function jobOf(kind: 'event' | 'processing'): Job {
  const [begin, factor] = kind === 'event' ? [0, 1] : [scriptStartsAt, 1000];
  const timeOf = (time: number) => begin + factor * time;
  return job('timers', ({ from }) => {
    from(readings, { ...byReading, outOfOrderness: 10 })
      .keyBy((r) => r.key)
      .process({
        onRecord(reading, { key, timers }) {
          const { [kind]: service } = timers;
          handle(reading, {
            set: (time) => service.set(timeOf(time)),
            delete: (time) => service.delete(timeOf(time)),
          });
          return [`${key} at ${reading.at}`];
        },
        onTimer: ({ time }, { key }) => [`${key} due ${(time - begin) / factor}`],
      })
      .to(happened);
  });
}

interface Timer {
  readonly key: string;
  readonly time: number;
}

/** Timers in a plain list. */
class ModelTimers {
  readonly #happened: string[];
  #timers: Timer[] = [];

  constructor(happened: string[]) {
    this.#happened = happened;
  }

  handle(reading: Reading): void {
    const { key } = reading;
    const without = (time: number) =>
      this.#timers.filter((timer) => timer.key !== key || timer.time !== time);
    this.#happened.push(`${key} at ${reading.at}`);
    handle(reading, {
      set: (time) => {
        this.#timers = [...without(time), { key, time }];
      },
      delete: (time) => {
        this.#timers = without(time);
      },
    });
  }

  fire(until: number): void {
    const due = this.#timers
      .filter(({ time }) => time <= until)
      .toSorted((a, b) => a.time - b.time || compareKeys(a.key, b.key));
    this.#timers = this.#timers.filter(({ time }) => time > until);
    this.#happened.push(...due.map(({ key, time }) => `${key} due ${time}`));
  }
}

function eventModel(script: readonly ScriptStep[]): string[] {
  const happenedInModel: string[] = [];
  const timers = new ModelTimers(happenedInModel);
  const { met, watermark } = historyOf<Reading>(script, 10);
  for (const { value, watermark: before } of met) {
    timers.fire(before);
    timers.handle(value);
  }
  timers.fire(watermark);
  timers.fire(Number.POSITIVE_INFINITY); // the drain
  return happenedInModel;
}

/** Where there is one partition, records come as they lie; the clock counts seconds. */
function processingModel(script: readonly ScriptStep[]): string[] {
  const happenedInModel: string[] = [];
  const timers = new ModelTimers(happenedInModel);
  let now = 0;
  for (const step of script) {
    if ('pauseMs' in step) now += step.pauseMs / 1000;
    if ('downtimeMs' in step) now += step.downtimeMs / 1000;
    timers.fire(now);
    for (const { value } of 'records' in step ? step.records : []) {
      timers.handle(value as Reading); // as the script was made
      timers.fire(now);
    }
  }
  return happenedInModel;
}

test('event-time timers are those of the model', async () => {
  const scripts = readingScripts({ partitions: 2 });
  await fc.assert(
    fc.asyncProperty(scripts, someModes, async (script, modes) => {
      const options = { modes, partitions: 2 };
      const outputs = await sameInEveryMode(jobOf('event'), script, options);
      expect(valuesOf(outputs, 'happened')).toEqual(eventModel(script));
    }),
    { numRuns: scriptsTried(20) },
  );
});

test('processing-time timers are those of the model', async () => {
  const seconds = fc.integer({ min: 1, max: 40 }).map((count) => count * 1000);
  const waiting: fc.Arbitrary<ScriptStep> = fc.oneof(
    seconds.map((pauseMs) => ({ pauseMs })),
    seconds.map((downtimeMs) => ({ downtimeMs })),
  );
  const scripts = fc
    .array(fc.tuple(readingScripts({ timeMax: 60, recordsMax: 5 }), waiting), {
      minLength: 1,
      maxLength: 3,
    })
    .map((parts) => parts.flatMap(([records, wait]) => [...records, wait]));
  await fc.assert(
    fc.asyncProperty(scripts, someModes, async (script, modes) => {
      const outputs = await sameInEveryMode(jobOf('processing'), script, { modes });
      expect(valuesOf(outputs, 'happened')).toEqual(processingModel(script));
    }),
    { numRuns: scriptsTried(20) },
  );
});
