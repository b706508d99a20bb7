/** Jobs whose state file is lost, and rebuilt. */
import { expect } from 'vitest';
import { type Broker, RecordBatchBuilder, RecordCursor } from '../../src/broker/index.ts';
import {
  decodeEpochRecord,
  type EpochRecord,
  encodeEpochRecord,
} from '../../src/runtime/epoch-record.ts';
import { type Job, type JobHandle, type RunOptions, run } from '../../src/runtime/index.ts';
import { changelogOf } from '../../src/runtime/open-task.ts';
import { taskNameOf } from '../../src/runtime/stages/job-tasks.ts';
import { StateCommits } from '../../src/runtime/state-commits.ts';
import { encodeStoreRecord } from '../../src/state/change.ts';
import { storeKey } from '../../src/state/index.ts';
import type { SimulatedMachine } from './simulated-platform.ts';
import { dumpState, type StateDump, statePathOf } from './state-dump.ts';

/** Where a job has run that is stopped now. */
export interface Stopped {
  readonly machine: SimulatedMachine;
  readonly broker: Broker;
}

/** The state of a job that is stopped. */
export function stateOf({ machine, broker }: Stopped, job: Job): StateDump {
  return dumpState(broker, machine.process().platform, job.name);
}

/** The file is gone, and so is all of the changelog: it had been folded. */
export async function loseState({ machine, broker }: Stopped, job: Job): Promise<void> {
  machine.process().platform.files.remove(statePathOf(job.name));
  const partition = { topic: changelogOf(taskNameOf(job.name)), partition: 0 };
  await machine.until(
    broker.deleteRecordsBefore({ ...partition, offset: broker.endOf(partition) }),
  );
}

/** Runs the job until it has rebuilt its state; undefined where it had nothing to rebuild. */
export async function rebuilt(
  { machine, broker }: Stopped,
  job: Job,
  options: RunOptions = {},
): Promise<JobHandle> {
  const { platform } = machine.process();
  const handle = await run(job, {
    ...{ broker, platform, stateDirectory: '/data', rebuildState: true, takeOver: true },
    ...options,
  });
  await machine.settle();
  return handle;
}

/** Loses the state, rebuilds it, and holds that it is what it was. */
export async function expectSameState(
  stopped: Stopped,
  job: Job,
  options: RunOptions = {},
): Promise<void> {
  const before = stateOf(stopped, job);
  await loseState(stopped, job);
  const handle = await rebuilt(stopped, job, options);
  expect(handle.errors).toEqual([]);
  expect(handle.status().rebuild?.done).toBe(true);
  await stopped.machine.until(handle.stop());
  expect(stateOf(stopped, job)).toEqual(before);
}

/** Drops all state of the job that has such a name. */
export async function drop(stopped: Stopped, job: Job, name: string): Promise<void> {
  const stores = Object.entries(stateOf(stopped, job)).filter(([, { store }]) =>
    store.name.includes(name),
  );
  const changes = stores.map(([number]) => ({ key: storeKey(Number(number)), value: null }));
  const names = stores.map(([, { store }]) => store.name);
  await commitOutside(stopped, job, (commits) => commits.commit(changes, names));
}

/** A commit that is not recorded, as bringing state to another version is. It changes nothing. */
export async function commitUnrecorded(stopped: Stopped, job: Job): Promise<void> {
  const changes = Object.entries(stateOf(stopped, job)).map(([number, { store }]) => ({
    key: storeKey(Number(number)),
    value: encodeStoreRecord(store),
  }));
  await commitOutside(stopped, job, (commits) => commits.commit(changes));
}

async function commitOutside(
  { machine, broker }: Stopped,
  job: Job,
  commit: (commits: StateCommits) => Promise<unknown>,
): Promise<void> {
  const task = taskNameOf(job.name);
  const { clock } = machine.process().platform;
  const claim = await machine.until(broker.claim(task, { takeOver: true }));
  await machine.until(commit(new StateCommits(broker, clock, claim, changelogOf(task))));
  await machine.until(broker.release(claim));
}

/** A log where the epochs were recorded otherwise. */
export function withEpochs(broker: Broker, change: (record: EpochRecord) => EpochRecord): Broker {
  let inputs = 0;
  const read: Broker['read'] = (partition, offset, bytesMax) => {
    const batches = broker.read(partition, offset, bytesMax);
    if (batches === undefined || !partition.topic.endsWith('-epochs')) return batches;
    const builder = new RecordBatchBuilder();
    const cursor = new RecordCursor();
    cursor.reset(batches.bytes);
    let base: number | undefined;
    while (cursor.next()) {
      base ??= cursor.offset;
      const bytes = cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd);
      const record = decodeEpochRecord(bytes, inputs);
      if (record.kind === 'epoch') inputs = record.opening?.inputs.length ?? inputs;
      const changed = record.kind === 'epoch' ? change(record) : record;
      builder.append(cursor.timestamp, null, encodeEpochRecord(changed));
    }
    const bytes = builder.build();
    new DataView(bytes.buffer, bytes.byteOffset).setBigInt64(0, BigInt(base ?? 0));
    return { ...batches, bytes };
  };
  return changedBroker(broker, { read });
}

/** A broker some of whose methods do something else. */
export function changedBroker(broker: Broker, changes: Partial<Broker>): Broker {
  const get = (of: Broker, name: keyof Broker) => {
    const member = changes[name] ?? of[name];
    return typeof member === 'function' ? member.bind(of) : member;
  };
  return new Proxy(broker, { get: (of, name) => get(of, name as keyof Broker) }); // or a symbol
}
