/**
 * Runs the golden pipeline while one file operation fails: which one, and how, is chosen by its
 * class (what is done to which kind of file) and by how often that has been done before. Then the
 * process ends, perhaps with the power, and another one runs through: the output must be that of a
 * run without faults.
 */
import { isDeepStrictEqual } from 'node:util';
import { isMillraceError } from '../../src/platform/index.ts';
import type { JobHandle } from '../../src/runtime/index.ts';
import { finishSession, makeReadings, type Session, startSession } from '../golden/pipeline.ts';
import { loseEverything, seededChoices } from '../support/choices.ts';
import type { Fault, FileOperation } from '../support/losing-files.ts';
import { SimulatedMachine, type SimulatedProcess } from '../support/simulated-platform.ts';

export const directory = '/data';
const input = makeReadings(60, 7);

export type Outputs = Record<string, string[]>;

/** What is done to which kind of file: `sync journal`. */
export type OperationClass = `${FileOperation} ${string}`;

export interface PlannedFault {
  readonly at: OperationClass;
  /** The how manieth operation of the class fails, from 1. */
  readonly hit: number;
  /** `KILL`: the process dies before the operation. */
  readonly error: NonNullable<Fault['error']> | 'KILL';
  /**
   * Whether the power is cut when the process with the fault has ended, or only after another one
   * has run through: what the first one left unsynced must not be taken for durable by the second.
   */
  readonly powerCut: 'at once' | 'later';
}

/** What came of a fault. */
export interface Outcome {
  /** Whether the class was reached that often. */
  readonly met: boolean;
  /** What the process with the fault told: of its jobs, or of opening and closing. */
  readonly errors: readonly Error[];
  /** The file whose operation failed. */
  readonly path: string;
  /** What is wrong with the output in the end; undefined if nothing is. */
  readonly violation: string | undefined;
}

/** How often each class of operation happens in a run without faults, and its output. */
export async function runWithoutFaults(): Promise<{
  readonly outputs: Outputs;
  readonly counts: ReadonlyMap<OperationClass, number>;
}> {
  const machine = new SimulatedMachine();
  const counts = new Map<OperationClass, number>();
  machine.files.beforeOperation = (operation, path) => {
    const at = classOf(operation, path);
    counts.set(at, (counts.get(at) ?? 0) + 1);
  };
  return { outputs: await runThrough(machine, false), counts };
}

export async function runInto(expected: Outputs, fault: PlannedFault): Promise<Outcome> {
  const seed = fault.hit * 31 + fault.at.length;
  const machine = new SimulatedMachine({ seed });
  const process = machine.process();
  const path = plan(machine, process, fault, seed);
  const { errors, acknowledged } = await runPatiently(machine, process);
  process.kill();
  machine.files.beforeOperation = () => {};
  const violation =
    fault.powerCut === 'at once'
      ? await violationOf(machine.powerCut(seededChoices(seed)), expected, acknowledged)
      : ((await violationOf(machine, expected, acknowledged)) ??
        (await violationOf(machine.powerCut(loseEverything), expected, true)));
  return { met: path.name !== '', errors, path: path.name, violation };
}

/**
 * Runs as a patient user does: a job that waits for its restart is waited for, and the end comes
 * when each has read everything or failed.
 */
export async function runPatiently(
  machine: SimulatedMachine,
  process: SimulatedProcess,
): Promise<{ readonly errors: readonly Error[]; readonly acknowledged: boolean }> {
  const errors: Error[] = [];
  let session: Session | undefined;
  try {
    const started = startSession(process.platform, directory, input);
    session = await untilDeadOr(machine, process, started);
    if (session !== undefined) await waitForEnd(machine, process, session.handles);
    if (session !== undefined) await untilDeadOr(machine, process, finishSession(session));
  } catch (error) {
    if (error instanceof Error) errors.push(error);
  }
  for (const handle of session?.handles ?? []) errors.push(...handle.errors);
  const status = session?.broker.status().housekeepingError;
  if (status !== undefined) errors.push(new Error(status));
  return { errors, acknowledged: session !== undefined };
}

/** Undefined where the process died before. */
async function untilDeadOr<Result>(
  machine: SimulatedMachine,
  process: SimulatedProcess,
  promise: Promise<Result>,
): Promise<Result | undefined> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  for (let ms = 0; ms < 10_000 && process.isAlive && !settled; ms++) await machine.advance(1);
  return settled ? promise : undefined;
}

/** Until each job has failed, or has read everything and runs. */
async function waitForEnd(
  machine: SimulatedMachine,
  process: SimulatedProcess,
  handles: readonly JobHandle[],
): Promise<void> {
  const isOver = (handle: JobHandle) => {
    const { state, partitions } = handle.status();
    if (state === 'failed') return true;
    return state === 'running' && partitions.every(({ lag }) => lag === 0);
  };
  for (let waitedMs = 0; process.isAlive && !handles.every(isOver); waitedMs += 10) {
    if (waitedMs > 200_000) throw new Error('the jobs neither end nor fail');
    await machine.advance(10);
  }
  await machine.advance(1500); // housekeeping that failed is tried again
}

/** Makes the operation fail; `name` becomes its file. */
function plan(
  machine: SimulatedMachine,
  process: SimulatedProcess,
  fault: PlannedFault,
  seed: number,
): { name: string } {
  const { files } = machine;
  const met = { name: '' };
  let left = fault.hit;
  files.beforeOperation = (operation, path) => {
    if (classOf(operation, path) !== fault.at || --left !== 0) return;
    met.name = path;
    if (fault.error === 'KILL') process.crash();
    const shortWriteBytes = seededChoices(seed)(200);
    files.failNext(operation, { error: fault.error, shortWriteBytes });
  };
  return met;
}

async function violationOf(
  machine: SimulatedMachine,
  expected: Outputs,
  acknowledged: boolean,
): Promise<string | undefined> {
  try {
    const outputs = await runThrough(machine, acknowledged);
    return isDeepStrictEqual(outputs, expected) ? undefined : differenceOf(outputs, expected);
  } catch (error) {
    return `refused to go on: ${isMillraceError(error) ? error.message : String(error)}`;
  }
}

export async function runThrough(
  machine: SimulatedMachine,
  acknowledged: boolean,
): Promise<Outputs> {
  const { platform } = machine.process();
  const session = await machine.until(startSession(platform, directory, input, { acknowledged }));
  return machine.until(finishSession(session), 1, 600_000);
}

export function classOf(operation: FileOperation, path: string): OperationClass {
  return `${operation} ${kindOf(path)}`;
}

/** `/data/topics/3-late/0/sorted-2.log` is a `sorted segment`. */
function kindOf(path: string): string {
  const known = kinds.find(([pattern]) => pattern.test(path));
  return known?.[1] ?? path;
}

const kinds: readonly (readonly [RegExp, string])[] = [
  [/\/journal\/\d+\.journal$/, 'journal file'],
  [/\/journal\/[^/]+\.new$/, 'journal file made ahead'],
  [/\/journal\/mark$/, 'mark'],
  [/\/sorted-\d+\.log$/, 'sorted segment'],
  [/\/large-\d+\.log$/, 'large segment'],
  [/\/topics\/[^/]+\/\d+$/, 'directory of a partition'],
  [/\/topics\/[^/]+$/, 'directory of a topic'],
  [/\/state\/.+\.db$/, 'state file'],
  [/\/state\/[^/]+$/, 'directory of a state'],
  [/\/processes\/[^/]+$/, 'heartbeat'],
  [/\/turns\/[^/]+$/, 'turns'],
  [/\/millrace\.json\.new$/, 'new identity'],
];

function differenceOf(outputs: Outputs, expected: Outputs): string {
  for (const [partition, records] of Object.entries(expected)) {
    const got = outputs[partition] ?? [];
    const at = records.findIndex((record, i) => record !== got[i]);
    if (at === -1 && got.length === records.length) continue;
    const where = at === -1 ? records.length : at;
    return `${partition}: record ${where} is ${got[where]} instead of ${records[where]}`;
  }
  return 'the outputs differ';
}
