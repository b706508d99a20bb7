/**
 * Crashes at every named step that a migration passes, by a kill and by a power cut, and at any file
 * operation, two of them in a row: at any time all state is of one version, and once a job has come
 * through, it is what it is without crashes.
 */
import { describe, expect, test } from 'vitest';
import type { Failpoint } from '../../../src/platform/index.ts';
import { seededChoices } from '../../support/choices.ts';
import type { SimulatedMachine, SimulatedProcess } from '../../support/simulated-platform.ts';
import { suiteDirectory } from '../../support/temporary-directory.ts';
import {
  directoryOfVersion1,
  openLog,
  type SeenState,
  startJob,
  stateIn,
} from './migrated-directory.ts';
import { versionedJob } from './versioned-job.ts';

const users = 40;

const directory = suiteDirectory();
let made: Promise<SimulatedMachine> | undefined;

/** The directory with state of version 1, on a machine of its own. */
async function machineOfVersion1(seed: number): Promise<SimulatedMachine> {
  made ??= directoryOfVersion1(users, { directory });
  return (await made).powerCut(seededChoices(seed));
}

/** Starts the job of version 3, and stops it again once it has migrated. */
async function migrate(process: SimulatedProcess): Promise<void> {
  const broker = await openLog(process);
  const handle = await startJob(versionedJob(3), broker, process);
  while (handle.status().state === 'starting') {
    await new Promise<void>((resolve) => process.platform.clock.after(1, resolve));
  }
  await handle.stop();
  await broker.close();
}

let withoutCrashes: Promise<SeenState> | undefined;

async function expectedState(): Promise<SeenState> {
  withoutCrashes ??= machineOfVersion1(1).then(async (machine) => {
    await machine.until(migrate(machine.process()));
    return stateIn(machine);
  });
  return withoutCrashes;
}

type Fault = 'kill' | 'power cut';

/** Runs a migration until `crashes` kills it; the machine as it is then. */
async function crash(
  machine: SimulatedMachine,
  fault: Fault,
  seed: number,
  arm: (process: SimulatedProcess) => void,
): Promise<SimulatedMachine> {
  const process = machine.process();
  arm(process);
  let done = false;
  migrate(process).then(
    () => {
      done = true;
    },
    () => {},
  );
  while (process.isAlive && !done) await machine.advance(1);
  expect(process.isAlive, 'it was killed').toBe(false);
  machine.onFailpoint = () => {};
  machine.files.beforeOperation = () => {};
  return fault === 'kill' ? machine : machine.powerCut(seededChoices(seed));
}

function atFailpoint(machine: SimulatedMachine, name: Failpoint, hit: number) {
  let hits = 0;
  return (process: SimulatedProcess) => {
    machine.onFailpoint = (passed) => {
      if (passed === name && ++hits === hit) process.crash();
    };
  };
}

const steps: [Failpoint, number][] = [
  ['migration.begun', 1],
  ['migration.committed', 1],
  ['migration.committed', 17],
  ['commit.written', 9],
  ['commit.synced', 16],
  ['fold.sliced', 40],
  ['fold.committed', 4],
];

describe.each(steps)('crashes at %s, no. %i', (name, hit) => {
  test.each<[Fault, Fault]>([['kill', 'power cut']])('by a %s, then a %s', async (...faults) => {
    let machine = await machineOfVersion1(hit);
    const before = await stateIn(machine);
    for (const fault of faults) {
      machine = await crash(machine, fault, hit, atFailpoint(machine, name, hit));
      expect(await stateIn(machine)).toEqual(before);
    }
    await machine.until(migrate(machine.process()));
    expect(await stateIn(machine)).toEqual(await expectedState());
  });
});

test.each<Fault>(['kill', 'power cut'])(
  'a %s behind the last commit: the migration is done',
  async (fault) => {
    const first = await machineOfVersion1(1);
    const arm = atFailpoint(first, 'migration.finished', 1);
    const machine = await crash(first, fault, 7, arm);
    expect(await stateIn(machine)).toEqual(await expectedState());
    await machine.until(migrate(machine.process()));
    expect(await stateIn(machine)).toEqual(await expectedState());
  },
);

test.each([31, 32, 33, 34])('crashes at any file operation (seed %i)', async (seed) => {
  const choose = seededChoices(seed);
  let machine = await machineOfVersion1(seed);
  const whole = [await stateIn(machine), await expectedState()];
  for (const fault of ['power cut', 'kill'] as const) {
    let left = 20 + choose(300);
    const { files } = machine;
    machine = await crash(machine, fault, seed, (process) => {
      files.beforeOperation = () => {
        if (--left === 0) process.crash();
      };
    });
    expect(whole).toContainEqual(await stateIn(machine));
  }
  await machine.until(migrate(machine.process()));
  expect(await stateIn(machine)).toEqual(await expectedState());
});
