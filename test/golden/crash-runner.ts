/**
 * Runs the golden pipeline into a fault that a seed chooses, and says what is wrong with the outcome: nothing, or it is a
 * violation. The faults: a kill, a power cut or a torn write at any file operation, two of them in a row, or a process that
 * is stopped, fenced off by a successor, and wakes as a zombie.
 */
import { isDeepStrictEqual } from 'node:util';
import { isMillraceError } from '../../src/platform/index.ts';
import { type Choose, seededChoices } from '../support/choices.ts';
import { SimulatedMachine, type SimulatedProcess } from '../support/simulated-platform.ts';
import { finishSession, makeReadings, type SessionOptions, startSession } from './pipeline.ts';

const directory = '/data';
const input = makeReadings(150, 7);

/** About how many file operations a run without faults does. */
const operations = 900;

type Outputs = Record<string, string[]>;

export type FaultKind = 'kill' | 'power cut' | 'torn write' | 'zombie';

export const faultKinds: readonly FaultKind[] = ['kill', 'power cut', 'torn write', 'zombie'];

/** Changes a machine before anything runs on it: for mutation proofs. */
export type Mutate = (machine: SimulatedMachine) => void;

const asItIs: Mutate = () => {};

/** The output of a run without faults. */
export function runWithoutFaults(): Promise<Outputs> {
  return runThrough(new SimulatedMachine(), {});
}

/** What is wrong after the fault that `seed` chooses; undefined if nothing is. */
export async function violationOf(
  expected: Outputs,
  kind: FaultKind,
  seed: number,
  mutate: Mutate = asItIs,
): Promise<string | undefined> {
  const machine = new SimulatedMachine({ seed });
  mutate(machine);
  try {
    const outputs =
      kind === 'zombie'
        ? await runZombie(machine, seed)
        : await runCrashes(machine, kind, seed, mutate);
    return isDeepStrictEqual(outputs, expected) ? undefined : differenceOf(outputs, expected);
  } catch (error) {
    return `seed ${seed}: refused to go on: ${isMillraceError(error) ? error.message : String(error)}`;
  }
}

async function runCrashes(
  first: SimulatedMachine,
  kind: FaultKind,
  seed: number,
  mutate: Mutate,
): Promise<Outputs> {
  const choose = seededChoices(seed);
  let machine = first;
  let acknowledged = false;
  for (let crashes = 1 + choose(2); crashes > 0; crashes--) {
    acknowledged ||= await crashOnce(machine, kind, choose, acknowledged);
    if (kind !== 'power cut') continue;
    machine = machine.powerCut(choose);
    mutate(machine);
  }
  return runThrough(machine, { acknowledged });
}

/**
 * Runs until a file operation that `choose` picks, and kills the process there; says whether the
 * input has been acknowledged by then.
 */
async function crashOnce(
  machine: SimulatedMachine,
  kind: FaultKind,
  choose: Choose,
  before: boolean,
): Promise<boolean> {
  let acknowledged = before;
  const process = machine.process();
  let left = 1 + choose(operations);
  machine.files.beforeOperation = (operation) => {
    if (--left > 0) return;
    machine.files.beforeOperation = () => {};
    if (kind !== 'torn write' || operation !== 'write') process.crash();
    machine.files.failNext('write', { shortWriteBytes: choose(200) });
    machine.time.soon(() => process.kill());
  };
  const options = { acknowledged };
  const attempt = startSession(process.platform, directory, input, options).then((session) => {
    acknowledged = true;
    return finishSession(session);
  });
  await untilDead(machine, process, attempt);
  machine.files.beforeOperation = () => {};
  process.kill();
  return acknowledged;
}

/** A process is stopped, a successor takes its tasks over and finishes, and then the first one wakes. */
async function runZombie(machine: SimulatedMachine, seed: number): Promise<Outputs> {
  const zombie = machine.process();
  let left = 1 + seededChoices(seed)(operations);
  machine.files.beforeOperation = () => {
    if (--left === 0) machine.time.soon(() => zombie.stop());
  };
  const attempt = startSession(zombie.platform, directory, input).then(finishSession);
  attempt.catch(() => {}); // fenced off
  for (let ms = 0; ms < 200 && left > 0; ms++) await machine.advance(1);
  const outputs = await runThrough(machine, { takeOver: true });
  zombie.resume();
  await machine.advance(200);
  zombie.kill();
  const after = await runThrough(machine, { takeOver: true, acknowledged: true });
  return isDeepStrictEqual(outputs, after) ? outputs : after;
}

async function runThrough(machine: SimulatedMachine, options: SessionOptions): Promise<Outputs> {
  const process = machine.process();
  const session = await machine.until(startSession(process.platform, directory, input, options));
  return machine.until(finishSession(session), 1, 5_000);
}

async function untilDead(
  machine: SimulatedMachine,
  process: SimulatedProcess,
  attempt: Promise<unknown>,
): Promise<void> {
  let done = false;
  const finish = () => {
    done = true;
  };
  attempt.then(finish, finish);
  for (let ms = 0; ms < 5000 && !done && process.isAlive; ms++) await machine.advance(1);
}

function differenceOf(outputs: Outputs, expected: Outputs): string {
  for (const [partition, records] of Object.entries(expected)) {
    const got = outputs[partition] ?? [];
    const at = records.findIndex((record, i) => record !== got[i]);
    if (at === -1 && got.length === records.length) continue;
    return `${partition} differs at record ${at === -1 ? records.length : at}: ${got[at]} instead of ${records[at]}`;
  }
  return 'the outputs differ';
}
