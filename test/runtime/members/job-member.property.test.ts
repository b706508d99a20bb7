/**
 * Processes that join, leave, are killed, stand still and go on, each with a view of the log that
 * lags and tasks that take their time to start and to end. Then nothing happens any more, and:
 *
 * - Within a few looks each task is run by the live process that holds it in the log, and by no
 *   other; loads differ by one at most.
 * - After that nothing moves.
 * - Nothing failed: what the log refuses is no failure. No task was taken from a process that lives.
 *
 * Where one thing happens at a time, as few tasks move as the loads before allow.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededChoices } from '../../support/choices.ts';
import { type JobProcess, Processes, stages } from './processes.ts';

/** `npm run soak` tries 20,000. */
const scriptsTried = Number(process.env.MILLRACE_MEMBERS ?? 300);

const happenings = ['join', 'leave', 'kill', 'stop', 'resume'] as const;

interface Happening {
  readonly what: (typeof happenings)[number];
  /** To which process. */
  readonly which: number;
  /** How long after the one before, in ms. */
  readonly afterMs: number;
}

interface Scenario {
  readonly sizes: readonly number[];
  readonly seed: number;
  readonly delayMsMax: number;
  readonly commitEveryMs: number | undefined;
  readonly script: readonly Happening[];
}

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
  seed: fc.nat(),
  delayMsMax: fc.constantFrom(1, 50, 900),
  commitEveryMs: fc.constantFrom(undefined, 70, 400),
  script: fc.array(
    fc.record({
      what: fc.constantFrom('join', ...happenings),
      which: fc.nat({ max: 20 }),
      afterMs: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 1500 })),
    }),
    { maxLength: 14 },
  ),
});

/** A task ends, another one starts, each in 900 ms; and a task may wait for another to do so. */
const looksMax = 14;

function processesOf({ sizes, seed, delayMsMax, commitEveryMs }: Scenario): Processes {
  const choose = seededChoices(seed);
  const delayMs = () => choose(delayMsMax);
  return new Processes({ tasks: stages(...sizes), delayMs, commitEveryMs });
}

/** Whether there was a process to which it could happen. */
function happen(processes: Processes, { what, which }: Happening): boolean {
  if (what === 'join') processes.start();
  const could = processes.all.filter((process) => isPossible(processes, what, process));
  const process = could[which % could.length];
  if (process === undefined) return what === 'join';
  if (what === 'leave') processes.leave(process);
  if (what === 'kill') process.machine.kill();
  if (what === 'stop') process.stop();
  if (what === 'resume') process.resume();
  return true;
}

function isPossible(processes: Processes, what: Happening['what'], process: JobProcess): boolean {
  if (what === 'join' || !process.machine.isAlive || processes.hasLeft.has(process)) return false;
  if (what === 'resume') return process.isStopped;
  return !process.isStopped && process.member !== undefined;
}

test('whatever happens, each task ends with one live process, and the loads are fair', async () => {
  await fc.assert(
    fc.asyncProperty(scenarios, async (scenario) => {
      const processes = processesOf(scenario);
      for (const happening of scenario.script) {
        await processes.machine.advance(happening.afterMs);
        happen(processes, happening);
      }
      if (processes.live.length === 0) processes.start();
      expect(await processes.settle(looksMax)).toBeLessThan(looksMax);
      const { starts, holders } = processes;
      await processes.machine.advance(5000);
      expect(processes).toMatchObject({ starts, holders, isSettled: true, failures: [] });
    }),
    { numRuns: scriptsTried },
  );
});

/** The fewest tasks that must move: those of nobody, and what somebody has beyond a fair part. */
function fewestMoves(processes: Processes, count: number): number {
  const { holders, live } = processes;
  const loads = live.map(({ name }) => holders.filter((holder) => holder === name).length);
  const least = Math.floor(count / live.length);
  const more = count - least * live.length;
  const kept = loads.sort((a, b) => b - a).map((n, i) => Math.min(n, least + (i < more ? 1 : 0)));
  return count - kept.reduce((sum, n) => sum + n, 0);
}

test('where one thing happens at a time, as few tasks move as can', async () => {
  await fc.assert(
    fc.asyncProperty(scenarios, async (scenario) => {
      const processes = processesOf(scenario);
      const count = scenario.sizes.reduce((sum, size) => sum + size, 0);
      processes.start();
      processes.start();
      await processes.settle(looksMax);
      for (const happening of scenario.script) {
        const { starts } = processes;
        if (happening.what !== 'join' && happening.what !== 'resume') {
          if (processes.live.length < 2) continue;
        }
        happen(processes, happening);
        const fewest = fewestMoves(processes, count);
        expect(await processes.settle(looksMax)).toBeLessThan(looksMax);
        expect(processes.starts - starts).toBe(fewest);
        await processes.machine.advance(happening.afterMs);
      }
      expect(processes.failures).toEqual([]);
    }),
    { numRuns: scriptsTried / 2 },
  );
});
