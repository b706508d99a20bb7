/** What state a job has, as of its last commit, whether it runs or not. */
import type Database from 'better-sqlite3';
import { openLogView } from '../broker/index.ts';
import { checkOptions, type Platform, runInChild } from '../platform/index.ts';
import type { Overlay } from '../state/index.ts';
import { filesOf, jobOf } from './query/run-query.ts';
import { closeAll, type ReadLog, type TaskFiles, takeSnapshots } from './query/task-snapshot.ts';

export interface InspectOptions {
  /** Whose state; may be left out where the directory has one job. */
  readonly job?: string;
}

/** One piece of state that a job keeps. */
export interface StoreDescription {
  /** The step's identity, a slash, the name within the step. */
  readonly name: string;
  readonly kind: 'value' | 'timed' | 'list' | 'map';
  /** How keys are written, and which version that is; see `versions`. */
  readonly keyCodec: string;
  readonly keyVersion: number;
  /** Of the keys of a map; `index` for a list, empty for other kinds. */
  readonly itemCodec: string;
  readonly itemVersion: number;
  readonly valueCodec: string;
  readonly version: number;
  /** What else must not change: the size of windows, the fields of aggregates. */
  readonly shape: string;
  readonly entries: number;
  /** Of the entries' keys, items and values. */
  readonly bytes: number;
}

export interface StateDescription {
  readonly job: string;
  /** Counts the commits of the job: of all its tasks. */
  readonly epoch: number;
  /**
   * What several tasks keep is added up. One that they have in different versions is there for each
   * of these, as while its job migrates it.
   */
  readonly stores: readonly StoreDescription[];
}

interface InspectArgument {
  readonly directory: string;
  readonly job: string | undefined;
}

/** Counting goes through all of the state, however long that takes. */
const timeoutMs = 2 ** 31 - 1;

/**
 * Lists the state of a job as of its last commit. It reads all of it, in a process of its own.
 *
 * Fails with `INVALID` where there is no such job, or as opening the directory does.
 *
 * @example
 * const { stores } = await inspectState('./data', { job: 'word-count' });
 */
export async function inspectState(
  directory: string,
  options: InspectOptions = {},
): Promise<StateDescription> {
  checkOptions('inspectState()', options, ['job']);
  const argument: InspectArgument = { directory, job: options.job };
  const call = { url: import.meta.url, name: 'inspectInChild', argument };
  const answer = await runInChild<StateDescription>(call, timeoutMs);
  return answer?.result as StateDescription; // nothing takes that long
}

/** Runs in another process. */
export async function inspectInChild(
  argument: InspectArgument,
  platform: Platform,
): Promise<StateDescription> {
  const { directory } = argument;
  const log = await openLogView(platform, directory);
  try {
    const job = jobOf(argument, log);
    return { job, ...inspectTasks(log, filesOf(log, directory, job)) };
  } finally {
    log.close();
  }
}

/** The state of the tasks of a job as of their last commits. */
export function inspectTasks(
  log: ReadLog,
  files: () => readonly TaskFiles[],
): Omit<StateDescription, 'job'> {
  const snapshots = takeSnapshots(log, files);
  try {
    const stores = new Map<string, StoreDescription>();
    for (const { database, overlay } of snapshots) {
      for (const number of [...overlay.stores.keys()].sort((a, b) => a - b)) {
        add(stores, describe(database, overlay, number));
      }
    }
    const epoch = snapshots.reduce((sum, task) => sum + task.epoch, 0);
    return { epoch, stores: [...stores.values()] };
  } finally {
    closeAll(snapshots);
  }
}

/** What several tasks have of a store is one, unless they have it in different versions. */
function add(stores: Map<string, StoreDescription>, store: StoreDescription): void {
  const { entries, bytes, ...record } = store;
  const identity = JSON.stringify(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
  const known = stores.get(identity);
  if (known === undefined) stores.set(identity, store);
  else {
    stores.set(identity, {
      ...known,
      entries: known.entries + entries,
      bytes: known.bytes + bytes,
    });
  }
}

function describe(database: Database.Database, overlay: Overlay, number: number): StoreDescription {
  const record = overlay.stores.get(number);
  const counted = database
    .prepare(
      'SELECT count(*) AS entries, coalesce(sum(octet_length(key) + octet_length(item) + ' +
        `octet_length(value)), 0) AS bytes FROM (${overlay.rowsOf(number)})`,
    )
    .get() as Pick<StoreDescription, 'entries' | 'bytes'>; // as selected
  const {
    keyText: _key,
    itemText: _item,
    valueText: _value,
    ...described
  } = record as NonNullable<typeof record>; // one of its numbers
  return { ...described, ...counted };
}
