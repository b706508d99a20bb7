/**
 * Real processes share a job, with threads and without, while trips come in; they join, leave, are
 * killed, stand still, and lose a thread. After each: every trip is counted once, in order, and
 * only the tasks have moved that had to. Faults in a random order: `npm run soak`, or
 * MILLRACE_SHARED_FAULTS=20.
 */
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Choose, seededChoices } from '../support/choices.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { sumOfWindows } from './counted.ts';
import { type Death, partitions } from './shared-job.ts';
import type { Sharer } from './sharer-process.ts';
import { Shared } from './sharing.ts';

const all = 2 * partitions;
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

/** Stands still until its tasks are taken; then it finds out, and gets its part again. */
async function standsStill(shared: Shared, first: Sharer, second: Sharer): Promise<void> {
  await leavesTo(first, shared, async () => second.standStill());
  const taken = shared.incarnations();
  second.child.kill('SIGCONT');
  await shared.untilHeld([first, half], [second, half]);
  for (const task of shared.heldBy(first)) expect(shared.incarnations()[task]).toBe(taken[task]);
  await shared.untilCounted();
  await tellsTruly(shared, first, second);
}

/** A thread of a process dies. Tasks of others go on, and its own begin again in that process. */
async function losesThread(shared: Shared, sharer: Sharer, how: Death): Promise<void> {
  await sharer.until((tasks) => tasks.every(({ state }) => state !== 'starting'));
  const dying = sharer.tasks.find(({ stage, state }) => stage === 0 && state === 'running');
  const inThread = sharer.tasks.filter(({ thread }) => thread === dying?.thread);
  const lost = inThread.map(({ task }) => task);
  const others = shared.taskNames.filter((task) => !lost.includes(task));
  const before = { lost: shared.incarnations(lost), others: shared.incarnations(others) };
  const errors = sharer.errors.length;

  shared.sendDeath(shared.readers.indexOf(dying?.task ?? ''), how);
  await sharer.until(() => sharer.errors.length >= errors + lost.length);
  const readers = others.filter((task) => shared.readers.includes(task));
  const epochs = shared.epochs(readers);
  await shared.until(() => shared.epochs(readers).every((of, i) => of > (epochs[i] ?? 0)));
  expect(shared.incarnations(lost)).toEqual(before.lost); // still dead, while others commit

  await shared.until(() =>
    lost.every((task) => shared.incarnations([task])[task] === (before.lost[task] ?? 0) + 1),
  );
  await shared.untilCounted();
  expect(shared.incarnations(others)).toEqual(before.others);
}

describe('processes that share a job', () => {
  test('take a fair part, keep what they have, leave, are killed, and stand still', async () => {
    const { shared, first } = await begin();
    const second = await joins(shared, first);
    await leavesTo(first, shared, () => second.leave());
    const third = await joins(shared, first);
    await standsStill(shared, first, third);
    await leavesTo(first, shared, () => third.kill());
    await finish(shared, first);
  });

  test('lose threads, which take nothing else down, and go on after all were killed', async () => {
    const { shared, first } = await begin(2);
    const second = await joins(shared, first, 2);
    await losesThread(shared, second, 'exit');
    await Promise.all([first.kill(), second.kill()]);
    const again = [shared.join(2), shared.join(2)] as const;
    await shared.untilHeld([again[0], half], [again[1], half]);
    await shared.untilCounted();
    await leavesTo(again[1], shared, () => again[0].leave());
    await finish(shared, again[1]);
  });
});

/** Faults one after another, of which each leaves two processes; a third one joins in between. */
async function suffer(shared: Shared, pair: [Sharer, Sharer], choose: Choose): Promise<void> {
  const [stays, goes] = choose(2) === 0 ? pair : [pair[1], pair[0]];
  const fault = choose(5);
  const workers = choose(2) === 0 ? undefined : 2;
  if (fault === 0) await leavesTo(stays, shared, () => goes.leave());
  else if (fault === 1) await leavesTo(stays, shared, () => goes.kill());
  else if (fault === 2) return standsStill(shared, stays, goes);
  else if (fault === 3) {
    if (goes.tasks.every(({ thread }) => thread === undefined)) return;
    const deaths = ['exit', 'throw', 'memory'] as const;
    return losesThread(shared, goes, deaths[choose(3)] ?? 'exit');
  } else {
    await Promise.all(pair.map((sharer) => sharer.kill()));
    pair.splice(0, 2, shared.join(workers), shared.join(workers));
    await shared.untilHeld([pair[0], half], [pair[1], half]);
    return shared.untilCounted();
  }
  pair.splice(0, 2, stays, await joins(shared, stays, workers));
}

const randomFaults = Number(process.env.MILLRACE_SHARED_FAULTS ?? 0);

test.skipIf(randomFaults === 0).each([1, 2, 3, 4])(
  'faults at random lose and double nothing (seed %d)',
  async (seed) => {
    const choose = seededChoices(seed);
    const { shared, first } = await begin(2);
    const pair: [Sharer, Sharer] = [first, await joins(shared, first, 2)];
    for (let i = 0; i < randomFaults; i++) await suffer(shared, pair, choose);
    await leavesTo(pair[0], shared, () => pair[1].leave());
    await finish(shared, pair[0]);
  },
);
