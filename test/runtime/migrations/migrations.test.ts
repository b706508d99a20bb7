/** State of older versions is brought to the newest, keys included, before a job runs. */
import { describe, expect, test } from 'vitest';
import type { Job } from '../../../src/runtime/index.ts';
import { ScriptRun, type ScriptStep, valuesOf } from '../../support/operator-harness.ts';
import { type Mode, otherModes, plainMode } from '../../support/operator-harness-modes.ts';
import { askingPage, processingTimerMs, type Visit, versionedJob } from './versioned-job.ts';

const visited = (user: string, page: string, at: number) => ({
  value: { user, page, at } satisfies Visit,
});
const everybody = ['ada', 'bob', 'cy', 'dee', 'eve'];

/** Nothing is told yet. */
const before: readonly ScriptStep[] = [
  {
    records: everybody.flatMap((user, i) =>
      ['home', 'shop', 'help'].slice(i % 3).map((page, n) => visited(user, page, 100 * i + n)),
    ),
  },
  { records: [visited('ada', 'shop', 700), visited('eve', 'home', 701)] },
];

const after: readonly ScriptStep[] = [
  { records: everybody.map((user, i) => visited(user, askingPage, 900 + i)) },
  { records: [visited('new', 'home', 5300)] },
  { pauseMs: processingTimerMs },
  { records: [visited('bob', 'help', 10_150), visited('bob', askingPage, 10_160)] },
  { records: [visited('new', askingPage, 10_900)] },
  { records: [visited('new', 'home', 14_000)] },
];

/** Without crashes: a migration that is ended begins anew. */
const modes: readonly Mode[] = [
  plainMode,
  ...otherModes
    .filter(({ name }) => /^restored|^next to no memory|^taken over|^small reads/.test(name))
    .map(({ atCommit: _, ...mode }) => mode),
];

type Run = readonly [Job, readonly ScriptStep[]];

/** Starts a job, and waits until it has migrated its state, which folding has pauses in. */
async function start(script: ScriptRun, job: Job): Promise<void> {
  await script.start(job);
  while (script.handle.status().state === 'starting') await script.machine.advance(1);
}

async function outputsOf(mode: Mode, ...runs: readonly Run[]): Promise<unknown[]> {
  const [first] = runs;
  if (first === undefined) return [];
  const script = new ScriptRun(first[0], mode);
  await script.makeTopics(1);
  for (const [next, steps] of runs) {
    await start(script, next);
    for (const step of steps) await script.step(step);
    await script.stop();
  }
  await script.start();
  await script.finish(true);
  return valuesOf(script.outputs(), 'told');
}

describe.each(modes)('a job of the newest version: $name', (mode) => {
  const newest = versionedJob(3);

  test('goes on with state of the first one as if that were its own', async () => {
    const expected = await outputsOf(mode, [newest, before], [newest, after]);
    expect(expected.length).toBeGreaterThan(40);
    expect(await outputsOf(mode, [versionedJob(1), before], [newest, after])).toEqual(expected);
    const each = [versionedJob(1), versionedJob(2)] as const;
    expect(await outputsOf(mode, [each[0], before], [each[1], []], [newest, after])).toEqual(
      expected,
    );
  });

  test('goes on after an attempt that went wrong halfway', async () => {
    const expected = await outputsOf(mode, [newest, before], [newest, after]);
    let steps = 0;
    const wrong = versionedJob(3, (part, value) => {
      if (part !== 'number') return `${value}!`;
      if (++steps === 60) throw new Error('enough');
      return value;
    });
    const script = new ScriptRun(versionedJob(1), mode);
    await script.makeTopics(1);
    await script.start();
    for (const step of before) await script.step(step);
    await script.stop();
    await expect(start(script, wrong)).rejects.toThrow(/^State "kept\/pages": .*: enough/);
    await start(script, newest);
    for (const step of after) await script.step(step);
    await script.finish(true);
    expect(valuesOf(script.outputs(), 'told')).toEqual(expected);
  });
});
