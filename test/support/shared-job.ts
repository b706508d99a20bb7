/**
 * Runs a job with any number of tasks, over a log in memory in which its whole input lies, and says
 * what came of it: what must be the same for any number.
 *
 *   outputs   of each topic and key the records in their order: value, timestamp, headers
 *   counts    records that were late, skipped, or became dead letters
 *   state     the entries of all tasks together, by the name of the store
 */
import { expect } from 'vitest';
import { type Append, type Broker, MemoryBroker, RecordCursor } from '../../src/broker/index.ts';
import {
  type FailedRecords,
  type Job,
  type JobHandle,
  type RunOptions,
  run,
} from '../../src/runtime/index.ts';
import {
  type FailingCommits,
  type Failure,
  failingCommits,
  noFailures,
} from './failing-commits.ts';
import { type MergedState, mergedState } from './merged-state.ts';
import { SimulatedMachine } from './simulated-platform.ts';

export interface SharedInput {
  /** Partitions of each topic that the job reads. */
  readonly topics: Readonly<Record<string, number>>;
  /** What lies in them. */
  readonly appends: readonly Append[];
}

export interface SharedRun {
  readonly epoch?: RunOptions['epoch'] | undefined;
  readonly tasks: number;
  /** Which commits fail, until all input is read. Default: none. */
  readonly failing?: { readonly seed: number; readonly every: number; readonly most: number };
  /** How many portions the input comes in, some time apart. Default: it lies there at once. */
  readonly portions?: number;
  /** How commit `index` of the drain in the end fails. Default: none does. */
  readonly drainFails?: (index: number) => Failure;
  /** In place of a time between portions: a drain, which ends the job after so many commits. */
  readonly drainsFor?: number;
}

export interface Outcome {
  /** By topic and key. */
  readonly outputs: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  readonly late: number;
  readonly failed: readonly FailedRecords[];
  readonly state: MergedState;
  /** Commits that have failed. */
  readonly failures: number;
}

/** Another number of tasks than one. */
export const numbersOfTasks = [2, 3, 8] as const;

const futureTimestampsMaxMs = 1e13;

/** By then all tasks have begun again that were to, in ms. */
const restartsMs = 120_000;

/** Between two portions, in ms. */
const portionsMs = 200;

export async function runShared(job: Job, input: SharedInput, how: SharedRun): Promise<Outcome> {
  const machine = new SimulatedMachine();
  const { platform } = machine.process();
  const broker = new MemoryBroker({ clock: platform.clock });
  for (const [name, partitions] of Object.entries(input.topics)) {
    broker.createTopicNow(name, { partitions, futureTimestampsMaxMs });
  }
  for (const name of writtenBy(job))
    broker.createTopicNow(name, { partitions: 2, futureTimestampsMaxMs });
  const [first, ...later] =
    how.portions === undefined ? [input.appends] : portionsOf(input, how.portions);
  broker.appendNow(first ?? []);
  const { graph } = job;
  const shared = { ...job, graph: { ...graph, parallelism: how.tasks } };
  const { epoch = {}, failing = noFailures } = how;
  const log = failingCommits(broker, failing);
  const begin = () => run(shared, { broker: log.broker, platform, epoch });
  const lateOf = (of: JobHandle) => of.metrics().lateRecords;
  let handle = await begin();
  let late = 0;
  for (const appends of later) {
    if (how.drainsFor === undefined) {
      await machine.advance(portionsMs);
    } else {
      await endInDrain(handle, log, machine, how.drainsFor);
      late += lateOf(handle);
      handle = await begin();
    }
    broker.appendNow(appends);
  }
  if (failing.most > 0) await machine.advance(restartsMs);
  await machine.settle();
  const { drainFails = () => undefined } = how;
  log.fail(drainFails);
  await machine.until(handle.stop({ drain: true }), 5, 60_000);
  const { failedRecords } = handle.metrics();
  return {
    outputs: outputsOf(job, broker),
    late: late + lateOf(handle),
    failed: [...failedRecords].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
    state: mergedState(broker, shared),
    failures: log.failed,
  };
}

/** Drains the job, which fails for good after so many commits of that. */
async function endInDrain(
  handle: JobHandle,
  log: FailingCommits,
  machine: SimulatedMachine,
  commits: number,
): Promise<void> {
  await machine.settle();
  log.fail((index) => (index < commits ? undefined : 'for good'));
  await machine.until(
    handle.stop({ drain: true }).catch(() => {}),
    5,
    60_000,
  );
  log.fail(() => undefined);
}

/** Holds that the job gives with other numbers of tasks what it gives with one. */
export async function expectSame(
  job: Job,
  input: SharedInput,
  numbers: readonly number[] = numbersOfTasks,
): Promise<Outcome> {
  const expected = await runShared(job, input, { tasks: 1 });
  for (const tasks of numbers) {
    const outcome = await runShared(job, input, { tasks });
    expect(outcome, `${tasks} tasks`).toEqual(expected);
  }
  return expected;
}

/** How many records a topic has. */
export function recordsIn({ outputs }: Outcome, topic: string): number {
  return Object.values(outputs[topic] ?? {}).flat().length;
}

function portionsOf({ appends }: SharedInput, portions: number): Append[][] {
  return Array.from({ length: portions }, (_, i) =>
    appends.filter((_of, at) => at % portions === i),
  );
}

function nameOf({ step, code, outcome }: FailedRecords): string {
  return `${step} ${code} ${outcome}`;
}

export function writtenBy({ graph }: Job): string[] {
  const names = graph.nodes.flatMap((node) => {
    if (node.kind === 'sink') return [node.topic.name];
    const otherwise = node.kind === 'source' ? node.onError?.otherwise : undefined;
    return typeof otherwise === 'object' ? [otherwise.deadLetters] : [];
  });
  return [...new Set(names)];
}

/** With sources that are never silent: tasks wait to begin again while the clock goes on. */
export function withoutSilence(of: Job): Job {
  const never = { idleAfterMs: Number.POSITIVE_INFINITY, quietAfterMs: Number.POSITIVE_INFINITY };
  const nodes = of.graph.nodes.map((node) =>
    node.kind === 'source' ? { ...node, ...never } : node,
  );
  return { ...of, graph: { ...of.graph, nodes } };
}

export function outputsOf(job: Job, broker: Broker): Outcome['outputs'] {
  return Object.fromEntries(writtenBy(job).map((name) => [name, byKey(broker, name)]));
}

/** Of records without a key the order is that of their partition. */
export function byKey(broker: Broker, topic: string): Record<string, string[]> {
  const records: Record<string, string[]> = {};
  for (const { partition } of broker.describeTopic(topic)?.partitions ?? []) {
    for (const { key, text } of recordsOf(broker, topic, partition)) {
      const of = key ?? `none in ${partition}`;
      records[of] = [...(records[of] ?? []), text];
    }
  }
  return records;
}

function* recordsOf(broker: Broker, topic: string, partition: number) {
  const cursor = new RecordCursor();
  const text = (start: number, end: number) =>
    start < 0 ? null : Buffer.from(cursor.bytes.subarray(start, end)).toString('latin1');
  for (let offset = 0; ; offset = cursor.endOffset()) {
    const batches = broker.read({ topic, partition }, offset, 64 * 1024);
    if (batches === undefined) return;
    cursor.reset(batches.bytes);
    while (cursor.next()) {
      if (cursor.offset < offset) continue;
      const headers = cursor.headers().filter(({ key }) => key !== 'millrace.failed-at');
      const told = headers.map(({ key, value }) => `${key}=${Buffer.from(value ?? []).toString()}`);
      const value = text(cursor.valueStart, cursor.valueEnd);
      const said = [value, `at ${cursor.timestamp}`, ...told].join(' ');
      yield { key: text(cursor.keyStart, cursor.keyEnd), text: said };
    }
  }
}
