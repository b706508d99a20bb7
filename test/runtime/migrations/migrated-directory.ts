/** A directory on a simulated machine with state of the first version, and what becomes of it. */
import { createHash } from 'node:crypto';
import {
  type Broker,
  openBroker,
  openLogView,
  RecordBatchBuilder,
} from '../../../src/broker/index.ts';
import { type Job, type JobHandle, type RunOptions, run } from '../../../src/runtime/index.ts';
import { inspectTasks } from '../../../src/runtime/inspect-state.ts';
import { takeSnapshot } from '../../../src/runtime/query/task-snapshot.ts';
import { taskNameOf } from '../../../src/runtime/stages/job-tasks.ts';
import { SimulatedDatabases } from '../../support/simulated-databases.ts';
import { SimulatedMachine, type SimulatedProcess } from '../../support/simulated-platform.ts';
import { type Visit, versionedJob, visits } from './versioned-job.ts';

/** Small files, so that a migration rolls, sorts and folds. */
const log = { journalFileBytes: 32 * 1024, largeBytes: 4 * 1024, sealAfterMs: 5, pollMs: 20 };

export function openLog({ platform }: SimulatedProcess): Promise<Broker> {
  return openBroker(platform, '/data', log);
}

export function startJob(
  job: Job,
  broker: Broker,
  { platform }: SimulatedProcess,
  options: RunOptions = {},
): Promise<JobHandle> {
  return run(job, {
    ...{ broker, platform, stateDirectory: '/data', takeOver: true },
    ...{ foldIntervalMs: 3, unfoldedBytesMax: 8 * 1024 },
    ...options,
  });
}

export async function send(broker: Broker, sent: readonly Visit[]): Promise<void> {
  const builder = new RecordBatchBuilder();
  for (const visit of sent) builder.append(visit.at, null, visits.value.encode(visit));
  const batches = builder.build();
  const maxTimestamp = Math.max(...sent.map(({ at }) => at));
  const recordCount = sent.length;
  await broker.append([{ topic: 'visits', partition: 0, batches, recordCount, maxTimestamp }]);
}

/**
 * The job of version 1 has read a visit of each of so many users, and one more of the first, and is
 * stopped. Its databases lie in `directory`.
 */
export async function directoryOfVersion1(
  users: number,
  { directory, ...options }: RunOptions & { readonly directory?: string } = {},
): Promise<SimulatedMachine> {
  const machine = new SimulatedMachine({}, { databases: new SimulatedDatabases(directory) });
  const process = machine.process();
  const broker = await machine.until(openLog(process));
  await machine.until(broker.createTopic('visits', { partitions: 1 }));
  const first = Array.from({ length: users }, (_, i) => ({ user: `u${i}`, page: 'home', at: i }));
  await machine.until(send(broker, [...first, { user: 'u0', page: 'shop', at: users }]));
  const handle = await startJob(versionedJob(1), broker, process, options);
  await machine.settle();
  await machine.until(handle.stop());
  await machine.until(broker.close());
  return machine;
}

/** What everybody sees of the state of steps, by the names of the stores. */
export type SeenState = Readonly<Record<string, SeenStore>>;

export interface SeenStore {
  /** Of values, keys and items. */
  readonly versions: string;
  readonly entries: number;
  /** A hash of all rows. */
  readonly rows: string;
}

export async function stateIn(machine: SimulatedMachine, job = 'versioned'): Promise<SeenState> {
  const { platform } = machine.process();
  const task = taskNameOf(job);
  const path = `/data/state/${job}/${task}.db`;
  const log = await machine.until(openLogView(platform, '/data'));
  const files = { log, task, path, open: () => platform.openDatabase(path, { durable: false }) };
  const { stores } = inspectTasks(log, () => [files]);
  const { database, overlay } = takeSnapshot(files);
  const seen: Record<string, SeenStore> = {};
  for (const [number, { name }] of overlay.stores) {
    const described = stores.find((store) => store.name === name);
    if (described === undefined || name === 'task/time') continue;
    const { version, keyVersion, itemVersion, entries } = described;
    const rows = database
      .prepare(`${overlay.rowsOf(number)} ORDER BY 1, 2, 3, 4`)
      .raw()
      .all();
    const versions = `${version} ${keyVersion} ${itemVersion}`;
    const hash = createHash('sha256').update(JSON.stringify(rows)).digest('hex');
    seen[name] = { versions, entries, rows: hash };
  }
  database.close();
  log.close();
  return seen;
}
