/**
 * The golden pipelines and the examples give with any number of tasks what they give with one: with
 * the input there at once record for record, and so they do where tasks fail and begin again.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  expectSame,
  recordsIn,
  runShared,
  withoutSilence,
  writtenBy,
} from '../support/shared-job.ts';
import { asking, sharedJobs } from './shared-examples.ts';

const all = sharedJobs.map((of) => [of.job.name, of] as const);

/** Those that have state in the end; the windows of the others have fired. */
const keeping = [
  ...['sensors', 'operators', 'tables', 'joins'],
  ...['abandoned-carts', 'card-limits', 'open-orders', 'word-count'],
];

const seeds = Math.ceil(Number(process.env.MILLRACE_SEEDS ?? 30) / 15);

describe('with 1, 2, 3 and 8 tasks there is the same of', () => {
  test.each(all)('%s', async (_name, { job, input }) => {
    const outcome = await expectSame(job, input);
    const written = writtenBy(job).map((topic) => recordsIn(outcome, topic));
    expect(Math.max(...written)).toBeGreaterThan(10);
    expect(Object.keys(outcome.state).length > 0).toBe(keeping.includes(job.name));
  });
});

describe('where tasks fail and begin again, there is the same of', () => {
  test.each(all)('%s', async (_name, { job, input }) => {
    const of = withoutSilence(job);
    const {
      failures: _,
      late: _late,
      failed: _failed,
      ...expected
    } = await runShared(of, input, { tasks: 1 });
    let failures = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const failing = { seed, every: 8, most: 6 };
      const tasks = 2 + (seed % 3);
      const outcome = await runShared(of, input, { tasks, failing, epoch: { epochRecords: 7 } });
      expect(outcome, `seed ${seed}`).toMatchObject(expected);
      failures += outcome.failures;
    }
    expect(failures).toBeGreaterThan(0);
  });
});

describe('a job that asks outside', () => {
  beforeEach(() => {
    vi.stubGlobal('fetch', async (url: string) => {
      const isKnown = !url.endsWith('99999');
      return { ok: isKnown, text: async () => `the city of ${url.slice(-5)}` };
    });
  });
  afterEach(() => void vi.unstubAllGlobals());

  test('gives each key the same with any number of tasks, and where tasks fail', async () => {
    const { job, input } = asking;
    const { outputs } = await runShared(job, input, { tasks: 1 });
    expect(Object.values(outputs).map((of) => Object.keys(of).length > 10)).toEqual([true, true]);
    const failing = { seed: 3, every: 8, most: 6 };
    for (const tasks of [2, 3, 8]) {
      expect(await runShared(job, input, { tasks })).toMatchObject({ outputs });
      expect(await runShared(job, input, { tasks, failing })).toMatchObject({ outputs });
    }
  });
});
