/**
 * A job that is rescaled goes on where it was: half of the input, another number of tasks, the rest
 * of the input, one task, a drain. Results by key, and all state, are those of one task throughout.
 */
import { rmSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { openLog, rescale } from '../../../src/runtime/index.ts';
import { settingsOf } from '../../../src/runtime/run.ts';
import { recordedLayout } from '../../../src/runtime/stages/layout.ts';
import { LocalTasks } from '../../../src/runtime/workers/local-tasks.ts';
import {
  filesIn,
  inTasks,
  makeInput,
  rescaled,
  resultsIn,
  runPhase,
  stateIn,
} from '../../support/rescaled-job.ts';
import { suiteDirectory, temporaryDirectory } from '../../support/temporary-directory.ts';

const input = makeInput(240, 5);

/** Whether all that is there is read before the rescale; else all input is there from the start. */
const ends = ['read', 'soon'] as const;
type End = (typeof ends)[number];
const inputs = { read: [input.slice(0, 120), input.slice(120)], soon: [input, []] } as const;

type Found = Record<string, string[]>;
interface Outcome {
  readonly results: Found;
  /** Before the drain, and behind it. */
  readonly states: readonly Found[];
}

const expected = new Map<End, Outcome>();
const directories = { read: suiteDirectory(), soon: suiteDirectory() };
const alone = inTasks(rescaled, 1);

/** Ends as one task. */
async function outcomeOf(directory: string): Promise<Outcome> {
  const before = await stateIn(directory, alone);
  await runPhase({ directory, job: alone, input: [], end: 'drained' });
  return { results: await resultsIn(directory), states: [before, await stateIn(directory, alone)] };
}

beforeAll(async () => {
  for (const end of ends) {
    const directory = directories[end];
    const [first, second] = inputs[end];
    await runPhase({ directory, job: alone, input: first, end });
    await runPhase({ directory, job: alone, input: second, end: 'read' });
    expected.set(end, await outcomeOf(directory));
  }
}, 60_000);

/** `all`: from each number of tasks to each other one. */
const { MILLRACE_RESCALES: wanted } = process.env;
const counts = [1, 2, 3, 8];
const all = counts.flatMap((n) => counts.flatMap((m) => (n === m ? [] : [[n, m] as const])));
const some = [
  [1, 3],
  [3, 8],
  [8, 2],
  [2, 1],
] as const;
const pairs = wanted === 'all' ? all : some;

describe.each(pairs)('from %i to %i tasks', (n, m) => {
  test.each(n === 1 || m === 8 ? ends : (['soon'] as const))(
    'the same comes out (%s)',
    async (end) => {
      const directory = temporaryDirectory();
      const [first, second] = inputs[end];
      await runPhase({ directory, job: inTasks(rescaled, n), input: first, end });
      const moved = await rescale(inTasks(rescaled, m), { data: directory });
      expect(moved.isMoved).toBe(true);
      expect(moved.unlike).toEqual([]);
      await runPhase({ directory, job: inTasks(rescaled, m), input: second, end: 'read' });
      await rescale(alone, { data: directory });
      expect(filesIn(directory, rescaled).filter((name) => name.endsWith('.db'))).toHaveLength(1);
      expect(await outcomeOf(directory)).toEqual(expected.get(end));
    },
  );
});

test('a job that has so many tasks already is left as it is', async () => {
  const directory = temporaryDirectory();
  const job = inTasks(rescaled, 2);
  await runPhase({ directory, job, input, end: 'soon' });
  const files = filesIn(directory, rescaled);
  expect(await rescale(job, { data: directory })).toMatchObject({ isMoved: false, to: [2, 2, 2] });
  expect(filesIn(directory, rescaled)).toEqual(files);
});

test('a task of the layout before is refused to who looked at it then', async () => {
  const directory = temporaryDirectory();
  await runPhase({ directory, job: inTasks(rescaled, 2), input, end: 'soon' });
  const log = await openLog(directory);
  const layout = recordedLayout('rescaled', log.broker);
  await log.close();
  await rescale(inTasks(rescaled, 3), { data: directory });
  const again = await openLog(directory);
  const { broker, platform } = again;
  const { graph } = inTasks(rescaled, 2);
  const host = new LocalTasks({ graph, broker, platform, directory });
  const task = 'rescaled-1.1.0';
  const settings = settingsOf(rescaled, {}, platform);
  await expect(host.start({ task, layout, settings }).done).rejects.toMatchObject({
    code: 'STATE_MISMATCH',
    message: 'Job "rescaled" was rescaled since this process looked at it. Start it again.',
  });
  await host.close();
  await again.close();
});

test('what a job needs is said before anything is moved', async () => {
  const directory = temporaryDirectory();
  await runPhase({ directory, job: alone, input, end: 'soon' });
  await expect(rescale(alone, { data: directory, tasks: 4 })).rejects.toMatchObject({
    code: 'INVALID',
    message:
      'Job "rescaled" has no parallelism, so it is one task and can\'t have 4. Give it ' +
      '{ parallelism: 4 } first.',
  });
  await expect(rescale(alone, { data: directory, tasks: 129 })).rejects.toThrow('1 to 128 tasks');
  const log = await openLog(directory);
  const claim = await log.broker.claim('rescaled-0');
  const [refused] = await Promise.allSettled([rescale(inTasks(rescaled, 2), { data: directory })]);
  expect(refused).toMatchObject({ reason: { code: 'TASK_HELD' } });
  await log.broker.release(claim);
  await log.close();
});

test('a state file that is missing then is refused', async () => {
  const directory = temporaryDirectory();
  await runPhase({ directory, job: inTasks(rescaled, 2), input, end: 'soon' });
  await rescale(alone, { data: directory });
  rmSync(`${directory}/state/rescaled/rescaled-0.db`);
  const run = runPhase({ directory, job: alone, input: [], end: 'read' });
  await expect(run).rejects.toMatchObject({ code: 'FILE_MISMATCH' });
});

test('more tasks than the job asks for, until it asks for others', async () => {
  const directory = temporaryDirectory();
  const job = inTasks(rescaled, 2);
  await runPhase({ directory, job, input, end: 'soon' });
  const { to } = await rescale(job, { data: directory, tasks: 5 });
  expect(to).toEqual([4, 5, 5]); // there are four partitions to read
  await runPhase({ directory, job, input: [], end: 'read' });
  const other = runPhase({ directory, job: inTasks(rescaled, 3), input: [], end: 'read' });
  await expect(other).rejects.toThrow('millrace rescale');
});
