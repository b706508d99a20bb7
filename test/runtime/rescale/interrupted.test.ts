/**
 * A rescale that is killed at one of its steps, for each of these and for each time that it comes
 * there: the job runs on in the old layout, or in the new one once that is recorded; or the rescale
 * is repeated. Nothing is lost and nothing is there twice.
 */
import { describe, expect, test } from 'vitest';
import { rescaleFailpoints } from '../../../src/platform/failpoints.ts';
import { isMillraceError } from '../../../src/platform/index.ts';
import { type Job, rescale } from '../../../src/runtime/index.ts';
import { seededChoices } from '../../support/choices.ts';
import { inTasks, makeInput, rescaled, resultsIn, runPhase } from '../../support/rescaled-job.ts';
import { SimulatedMachine } from '../../support/simulated-platform.ts';

const directory = '/data';
const input = makeInput(80, 9);
const [from, to] = [inTasks(rescaled, 2), inTasks(rescaled, 3)];

type Found = Record<string, string[]>;
let expected: Found | undefined;

async function begun(job: Job): Promise<SimulatedMachine> {
  const machine = new SimulatedMachine();
  const { platform } = machine.process();
  await machine.until(runPhase({ directory, job, input, end: 'soon', platform }));
  return machine;
}

async function ended(machine: SimulatedMachine, job: Job): Promise<Found> {
  const { platform } = machine.process();
  await machine.until(runPhase({ directory, job, input: [], end: 'drained', platform }));
  return machine.until(resultsIn(directory, platform));
}

async function expectedResults(): Promise<Found> {
  const alone = inTasks(rescaled, 1);
  expected ??= await ended(await begun(alone), alone);
  return expected;
}

/** Kills a rescale when it comes to a step for the `time`-th time; false where it never does. */
async function killedAt(machine: SimulatedMachine, step: string, time: number): Promise<boolean> {
  const victim = machine.process();
  let left = time;
  const killed = new Promise<true>((resolve) => {
    machine.onFailpoint = (name, process) => {
      if (process !== victim || name !== step || --left > 0) return;
      resolve(true);
      process.crash();
    };
  });
  const done = rescale(to, { data: directory, platform: victim.platform }).then(() => false);
  done.catch(() => {}); // of a process that is dead
  const result = await machine.until(Promise.race([killed, done]));
  victim.kill();
  machine.onFailpoint = () => {};
  await machine.advance(10_000);
  return result;
}

async function repeated(machine: SimulatedMachine, job: Job): Promise<void> {
  const { platform } = machine.process();
  await machine.until(rescale(job, { data: directory, platform }));
}

/** In the layout that the job has. */
async function runsOn(machine: SimulatedMachine): Promise<readonly [Job, Found]> {
  try {
    return [from, await ended(machine, from)];
  } catch (error) {
    if (!isMillraceError(error, 'STATE_MISMATCH')) throw error;
    return [to, await ended(machine, to)];
  }
}

const isWhole = process.env.MILLRACE_RESCALES === 'all';
const cuts = isWhole ? 3 : 1;
const attempts = isWhole ? 15 : 2;

/** A step that comes once for each task. */
const times = isWhole ? [1, 4, 9] : [1, 4];

const steps = rescaleFailpoints.flatMap((step) =>
  (step === 'rescale.begun' ? times : [1]).map((time) => [step, time] as const),
);

describe.each(steps)('killed at %s, the %i. time', (step, time) => {
  test('the job runs on', { timeout: 60_000 }, async () => {
    const machine = await begun(from);
    expect(await killedAt(machine, step, time)).toBe(true);
    const [job, results] = await runsOn(machine);
    expect(results).toEqual(await expectedResults());
    const isRecorded = ['rescale.recorded', 'rescale.removed'].includes(step);
    expect(job).toBe(isRecorded ? to : from);
  });

  test('the power is cut then, and the job runs on', { timeout: 60_000 }, async () => {
    for (let seed = 0; seed < cuts; seed++) {
      const machine = await begun(from);
      expect(await killedAt(machine, step, time)).toBe(true);
      const [, results] = await runsOn(machine.powerCut(seededChoices(seed)));
      expect(results).toEqual(await expectedResults());
    }
  });

  test('the rescale is repeated, or another one is made', { timeout: 60_000 }, async () => {
    for (const job of [to, inTasks(rescaled, 1)]) {
      const machine = await begun(from);
      expect(await killedAt(machine, step, time)).toBe(true);
      await repeated(machine, job);
      expect(await ended(machine, job)).toEqual(await expectedResults());
    }
  });
});

test('a rescale that stood still is fenced by who ran the job meanwhile', async () => {
  const machine = await begun(from);
  const zombie = machine.process();
  machine.onFailpoint = (name, process) => {
    if (name === 'rescale.placed' && process === zombie) zombie.stop();
  };
  const attempt = rescale(to, { data: directory, platform: zombie.platform });
  const outcome = attempt.catch((error: unknown) => error);
  await machine.advance(60_000);
  expect(await ended(machine, from)).toEqual(await expectedResults());
  zombie.resume();
  expect(await machine.until(outcome)).toMatchObject({ code: 'FENCED' });
  expect(await ended(machine, from)).toEqual(await expectedResults());
}, 60_000);

describe.each(['kill', 'power cut'] as const)('a %s at any file operation', (fault) => {
  test('loses nothing', { timeout: 300_000 }, async () => {
    const choose = seededChoices(fault === 'kill' ? 1 : 2);
    let died = 0;
    for (let attempt = 0; attempt < attempts; attempt++) {
      let machine = await begun(from);
      const at = choose(900);
      died += Number(await diesAt(machine, at));
      if (fault === 'power cut') machine = machine.powerCut(choose);
      if (choose(2) === 0) await repeated(machine, to);
      expect((await runsOn(machine))[1], `operation ${at}`).toEqual(await expectedResults());
    }
    expect(died).toBeGreaterThan(attempts * 0.6);
  });
});

/** Kills a rescale at its file operation `at`, where it has so many. */
async function diesAt(machine: SimulatedMachine, at: number): Promise<boolean> {
  const victim = machine.process();
  let left = at;
  const killed = new Promise<boolean>((resolve) => {
    machine.files.beforeOperation = () => {
      if (left-- > 0) return;
      machine.files.beforeOperation = () => {};
      resolve(true);
      victim.crash();
    };
  });
  const done = rescale(to, { data: directory, platform: victim.platform }).then(() => false);
  done.catch(() => {}); // of a process that is dead
  const hasDied = await machine.until(Promise.race([killed, done]));
  machine.files.beforeOperation = () => {};
  victim.kill();
  await machine.advance(10_000);
  return hasDied;
}
