/** All that a task keeps, as of its last commit. */
import type { Broker } from '../../src/broker/index.ts';
import type { Platform } from '../../src/platform/index.ts';
import { takeSnapshot } from '../../src/runtime/query/task-snapshot.ts';
import { taskNameOf } from '../../src/runtime/stages/job-tasks.ts';
import { StateFile, type StoreRecord } from '../../src/state/index.ts';

/** By the number of the store: what is recorded of it, and its rows in their order. */
export type StateDump = Readonly<
  Record<number, { readonly store: StoreRecord; readonly rows: readonly string[] }>
>;

/** The state file, with what of the changelog is not in it. */
export function dumpState(
  broker: Broker,
  platform: Platform,
  job: string,
  directory?: string,
): StateDump {
  const task = taskNameOf(job);
  const path = statePathOf(job, directory);
  const open = () =>
    platform.files.exists(path) ? platform.openDatabase(path, { durable: true }) : undefined;
  const { database, overlay } = takeSnapshot({ log: logOf(broker), task, path, open });
  try {
    const stores = [...overlay.stores].map(([number, store]) => {
      const rows = database
        .prepare(`SELECT * FROM (${overlay.rowsOf(number)})`)
        .raw()
        .all();
      return [number, { store, rows: rows.map((row) => JSON.stringify(row)).sort() }] as const;
    });
    return Object.fromEntries(stores);
  } finally {
    database.close();
  }
}

/** The file as it is: all that is in it. */
export function dumpFile(broker: Broker, platform: Platform, job: string) {
  const path = statePathOf(job);
  const database = platform.openDatabase(path, { durable: true });
  const file = new StateFile(database, path, { directoryId: broker.id, task: taskNameOf(job) });
  try {
    return {
      meta: Object.fromEntries(
        database.prepare('SELECT key, value FROM meta').raw().all() as [string, string][],
      ),
      stores: database.prepare('SELECT * FROM stores').all(),
      entries: database.prepare('SELECT * FROM entries').raw().all(),
    };
  } finally {
    file.close();
  }
}

export function statePathOf(job: string, directory = '/data'): string {
  return `${directory}/state/${job}/${taskNameOf(job)}.db`;
}

function logOf(broker: Broker) {
  return {
    id: broker.id,
    tasks: [],
    refresh: () => {},
    read: (topic: string, offset: number, bytesMax: number) =>
      broker.read({ topic, partition: 0 }, offset, bytesMax),
    boundsOf: (topic: string) => {
      const partition = { topic, partition: 0 };
      return { start: broker.startOf(partition), end: broker.endOf(partition) };
    },
  };
}
