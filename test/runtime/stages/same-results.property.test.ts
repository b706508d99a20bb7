/**
 * A job that several tasks share, for random graphs and input with disorder and ties:
 *
 * - It gives what it gives with one task: per key the same records in the same order, the same
 *   late ones, and the same state in the end.
 * - So it does where its epochs are short, and where commits fail while it is drained.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inputOf, inputs, randomJob, type Shape, shapes } from '../../support/random-jobs.ts';
import { runShared } from '../../support/shared-job.ts';

const numRuns = Number(process.env.MILLRACE_SHARED_JOBS ?? 30);

/** A step and a window read the same records: timers fire after a partial that has come already. */
const timersBesideWindow: Shape[] = [
  { kind: 'process', left: 0, right: 0, ms: 1 },
  { kind: 'window', left: 0, right: 0, ms: 1 },
];
const outOfOrder = inputOf([
  { from: 'random-a', partition: 0, k: 'b', step: 2, n: 4 },
  { from: 'random-a', partition: 0, k: 'c', step: -1, n: 0 },
  { from: 'random-a', partition: 0, k: 'a', step: 2, n: 0 },
]);

test('random jobs give with several tasks what they give with one', async () => {
  await fc.assert(
    fc.asyncProperty(
      shapes,
      inputs,
      fc.constantFrom(0, 3, 8),
      fc.integer({ min: 2, max: 4 }),
      fc.constantFrom(undefined, { epochRecords: 3 }),
      async (steps, input, disorder, tasks, epoch) => {
        const job = randomJob(steps, [disorder, disorder]);
        const expected = await runShared(job, input, { tasks: 1 });
        expect(await runShared(job, input, { tasks, epoch })).toEqual(expected);
      },
    ),
    { numRuns, examples: [[timersBesideWindow, outOfOrder, 0, 2, undefined]] },
  );
});

test('so they do where commits of the drain fail', async () => {
  await fc.assert(
    fc.asyncProperty(
      shapes,
      inputs,
      fc.integer({ min: 2, max: 3 }),
      fc.uniqueArray(fc.nat({ max: 30 }), { minLength: 1, maxLength: 4 }),
      fc.constantFrom('before' as const, 'after' as const),
      async (steps, input, tasks, failing, failure) => {
        const job = randomJob(steps, [3, 3]);
        const expected = await runShared(job, input, { tasks: 1 });
        const drainFails = (index: number) => (failing.includes(index) ? failure : undefined);
        const outcome = await runShared(job, input, { tasks, drainFails });
        expect({ ...outcome, failures: 0 }).toEqual(expected);
      },
    ),
    { numRuns },
  );
});
