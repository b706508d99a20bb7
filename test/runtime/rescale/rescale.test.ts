/**
 * A job that is rescaled goes on where it was: half of the input, another number of tasks, the rest
 * of the input, a drain. Results by key, and the state before the drain, are those of one task.
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
const half = input.slice(0, 120);
const rest = input.slice(120);

type Found = Record<string, string[]>;

/** Whether all that was there is read before the rescale: else all input is there from the start. */
const ends = ['read', 'soon'] as const;
type End = (typeof ends)[number];
const inputs = { read: [half, rest], soon: [input, []] } as const;

const expected = new Map<End, { readonly results: Found; readonly drained: Found }>();
const directories = { read: suiteDirectory(), soon: suiteDirectory() };
beforeAll(async () => {
  const job = inTasks(rescaled, 1);
  for (const end of ends) {
    const directory = directories[end];
    const [first, second] = inputs[end];
    await runPhase({ directory, job, input: first, end });
    await runPhase({ directory, job, input: second, end: 'drained' });
    expected.set(end, {
      results: await resultsIn(directory),
      drained: await stateIn(directory, job),
    });
  }
});

const counts = [1, 2, 3, 8];
const pairs = counts.flatMap((n) => counts.map((m) => [n, m] as const));

describe.each(pairs)('from %i to %i tasks', (n, m) => {
  test.each(ends)('results and state are the same (%s)', async (end) => {
    const directory = temporaryDirectory();
    await runPhase({ directory, job: inTasks(rescaled, n), input: inputs[end][0], end });
    const before = await resultsIn(directory);
    const { isMoved } = await rescale(inTasks(rescaled, m), { data: directory });
    expect(isMoved).toBe(n !== m);
    await runPhase({ directory, job: inTasks(rescaled, m), input: inputs[end][1], end: 'drained' });
    expect(Object.keys(before).length).toBeGreaterThan(0);
    expect(await resultsIn(directory)).toEqual(expected.get(end)?.results);
    expect(await stateIn(directory, inTasks(rescaled, m))).toEqual(expected.get(end)?.drained);
    expect(filesIn(directory, rescaled).filter((name) => name.includes('rescaling'))).toEqual([]);
  });
});
