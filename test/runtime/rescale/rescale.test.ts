/**
 * A job that is rescaled goes on where it was: half of the input, another number of tasks, the rest
 * of the input, one task, a drain. Results by key, and all state, are those of one task throughout.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { rescale } from '../../../src/runtime/index.ts';
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

const counts = [1, 2, 3, 8];
const pairs = counts.flatMap((n) => counts.map((m) => [n, m] as const));

describe.each(pairs)('from %i to %i tasks', (n, m) => {
  test.each(ends)('results and state are the same (%s)', async (end) => {
    const directory = temporaryDirectory();
    const [first, second] = inputs[end];
    await runPhase({ directory, job: inTasks(rescaled, n), input: first, end });
    const moved = await rescale(inTasks(rescaled, m), { data: directory });
    expect(moved.isMoved).toBe(n !== m);
    expect(moved.unlike).toEqual([]);
    await runPhase({ directory, job: inTasks(rescaled, m), input: second, end: 'read' });
    await rescale(alone, { data: directory });
    expect(filesIn(directory, rescaled).filter((name) => name.endsWith('.db'))).toHaveLength(1);
    expect(await outcomeOf(directory)).toEqual(expected.get(end));
  });
});
