/**
 * Real processes share a job, with threads and without, while trips come in; they join, leave, are
 * killed, stand still, and lose a thread. After each: every trip is counted once, in order, and
 * only the tasks have moved that had to.
 */
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { sumOfWindows } from './counted.ts';
import type { Sharer } from './sharer-process.ts';
import { Shared, taskNames } from './sharing.ts';

const all = taskNames.length;
const half = all / 2;

/** A job with one process, into which trips come. */
async function begin(workers?: number): Promise<{ shared: Shared; first: Sharer }> {
  const shared = await Shared.open(temporaryDirectory());
  onTestFinished(() => shared.close());
  const first = shared.join(workers);
  shared.feed();
  await shared.untilHeld([first, all]);
  await shared.untilCounted();
  return { shared, first };
}

/** Another process joins and gets half; what the other one keeps it has kept. */
async function joins(shared: Shared, first: Sharer, workers?: number): Promise<Sharer> {
  const before = shared.incarnations();
  const second = shared.join(workers);
  await shared.untilHeld([first, half], [second, half]);
  const kept = shared.heldBy(first);
  for (const task of kept) expect(shared.incarnations()[task]).toBe(before[task]);
  await shared.untilCounted();
  await tellsTruly(shared, first, second);
  return second;
}

/** Both tell of each task who runs it. */
async function tellsTruly(shared: Shared, ...sharers: readonly Sharer[]): Promise<void> {
  for (const sharer of sharers) {
    await sharer.until((tasks) =>
      sharers.every((other) =>
        shared.heldBy(other).every((name) => {
          const told = tasks.find(({ task }) => task === name);
          const state = other === sharer ? 'running' : 'elsewhere';
          return told?.process?.pid === other.pid && told.state === state;
        }),
      ),
    );
  }
}

/** All falls to `first`, which has kept what it had; `ends` ends the other one. */
async function leavesTo(first: Sharer, shared: Shared, ends: () => Promise<unknown>) {
  const kept = shared.heldBy(first);
  const before = shared.incarnations(kept);
  await ends();
  await shared.untilHeld([first, all]);
  expect(shared.incarnations(kept)).toEqual(before);
  await shared.untilCounted();
}

/** The last one reads the rest, and all windows fire. */
async function finish(shared: Shared, last: Sharer): Promise<void> {
  await shared.endFeed();
  await last.leave({ drain: true });
  await shared.untilCounted();
  expect(await sumOfWindows(shared.log)).toEqual({ trips: shared.sent, twice: [] });
}

describe('processes that share a job', () => {
  test('take a fair part, keep what they have, leave, are killed, and stand still', async () => {
    const { shared, first } = await begin();
    const second = await joins(shared, first);
    await leavesTo(first, shared, () => second.leave());
    const third = await joins(shared, first);
    await leavesTo(first, shared, () => third.kill());
    await finish(shared, first);
  });
});
