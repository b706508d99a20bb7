/**
 * The golden pipeline after its state files were lost: they are rebuilt to what they were, after
 * any number of crashes, and the output is that of a run without faults. A rebuild that crashes at
 * any of its steps leaves what can be rebuilt, or refused as before.
 */
import { describe, expect, test } from 'vitest';
import { openBroker } from '../../src/broker/index.ts';
import { type Failpoint, rebuildFailpoints } from '../../src/platform/index.ts';
import { seededChoices } from '../support/choices.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';
import { dumpState, type StateDump, statePathOf } from '../support/state-dump.ts';
import { finishSession, makeReadings, type Session, smallLog, startSession } from './pipeline.ts';

const input = makeReadings(220, 7);
const directory = '/data';

type Outputs = Record<string, string[]>;

function startOn(machine: SimulatedMachine, rebuildState: boolean): Promise<Session> {
  const { platform } = machine.process();
  return machine.until(startSession(platform, directory, input, { rebuildState }));
}

async function finishOn(machine: SimulatedMachine, rebuildState: boolean): Promise<Outputs> {
  const session = await startOn(machine, rebuildState);
  return machine.until(finishSession(session), 1, 600_000);
}

let withoutFaults: Promise<Outputs> | undefined;

function expectedOutputs(): Promise<Outputs> {
  withoutFaults ??= finishOn(new SimulatedMachine(), false);
  return withoutFaults;
}

interface Stopped {
  readonly machine: SimulatedMachine;
  readonly kept: StateDump;
}

/**
 * A directory in which the jobs were killed so often, and then stopped, and one of them has the
 * state file of another directory; and what that job had kept.
 */
async function lostAfter(kills: number, job: string): Promise<Stopped> {
  const machine = new SimulatedMachine({ seed: kills });
  for (let kill = 0; kill < kills; kill++) {
    const process = machine.process();
    await machine.until(startSession(process.platform, directory, input));
    await machine.advance(9 + 5 * kill);
    process.kill();
  }
  const { broker, handles } = await startOn(machine, false);
  await machine.advance(60);
  await machine.until(Promise.all(handles.map((handle) => handle.stop())));
  const { platform } = machine.process();
  const kept = dumpState(broker, platform, job);
  await machine.until(broker.close());
  const database = platform.openDatabase(statePathOf(job), { durable: true });
  database.exec("UPDATE meta SET value = 'elsewhere' WHERE key = 'directory'");
  database.close();
  return { machine, kept };
}

/** Rebuilds until a step is passed for the `hit`-th time, and kills the process there. */
async function crashAt(machine: SimulatedMachine, step: Failpoint, hit = 1): Promise<void> {
  const process = machine.process();
  let hits = 0;
  machine.onFailpoint = (name, of) => {
    if (name === step && of === process && ++hits === hit) of.crash();
  };
  const options = { rebuildState: true };
  startSession(process.platform, directory, input, options).catch(() => {});
  for (let ms = 0; ms < 5000 && process.isAlive; ms++) await machine.advance(1);
  expect(process.isAlive).toBe(false);
  machine.onFailpoint = () => {};
}

async function stateOn(machine: SimulatedMachine, job: string): Promise<StateDump> {
  const { platform } = machine.process();
  const broker = await machine.until(openBroker(platform, directory, smallLog));
  try {
    return dumpState(broker, platform, job);
  } finally {
    await machine.until(broker.close());
  }
}

const rowsOf = (dump: StateDump) => Object.values(dump).flatMap(({ rows }) => rows);

describe.each(['windows', 'sensors'])('state of the job %s that was lost', (job) => {
  test.each([0, 1, 4])('after %i kills is rebuilt to what it was', async (kills) => {
    const { machine, kept } = await lostAfter(kills, job);
    expect(rowsOf(kept).length).toBeGreaterThan(4);
    await crashAt(machine, 'rebuild.synced');
    expect(await stateOn(machine, job)).toEqual(kept);
    expect(await finishOn(machine, false)).toEqual(await expectedOutputs());
  });
});

describe.each(rebuildFailpoints)('a crash of a rebuild at %s', (step) => {
  const isLate = step === 'rebuild.placed' || step === 'rebuild.synced';

  test.each([
    ['kill', 1, 'windows'],
    ['kill', step === 'rebuild.folded' ? 2 : 1, 'sensors'],
    ['power cut', 1, 'windows'],
    ['power cut', step === 'rebuild.folded' ? 3 : 1, 'sensors'],
  ] as const)('by a %s, passed %i times: %s can be begun again', async (fault, hit, job) => {
    const { machine, kept } = await lostAfter(2, job);
    await crashAt(machine, step, hit);
    const next = fault === 'kill' ? machine : machine.powerCut(seededChoices(job.length));
    const refused = await isRefused(next, job);
    if (step === 'rebuild.synced') expect(refused).toBe(false);
    if (!isLate) expect(refused).toBe(true);
    if (refused) await crashAt(next, 'rebuild.synced');
    if (!isLate) expect(await stateOn(next, job)).toEqual(kept);
    expect(await finishOn(next, false)).toEqual(await expectedOutputs());
    expect(next.process().platform.files.list(`${directory}/state/${job}`)).toEqual([
      `${job}-0.db`,
      expect.stringMatching(/-0\.db\.replaced-\d$/),
    ]);
  });
});

/** Whether the job does not start without the option. */
async function isRefused(machine: SimulatedMachine, job: string): Promise<boolean> {
  const { broker, handles } = await startOn(machine, false);
  await machine.advance(1);
  const handle = handles.find((of) => of.job === job);
  const isFailed = handle?.status().state === 'failed';
  if (isFailed) expect(handle.errors[0]).toMatchObject({ code: 'FILE_MISMATCH' });
  await machine.until(Promise.allSettled(handles.map((of) => of.stop())));
  await machine.until(broker.close());
  return isFailed;
}
