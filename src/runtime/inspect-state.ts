/** What state a job has, as of its last commit, whether it runs or not. */
import type Database from 'better-sqlite3';
import { openLogView } from '../broker/index.ts';
import {
  checkOptions,
  openDatabaseReadOnly,
  type Platform,
  runInChild,
} from '../platform/index.ts';
import type { Overlay } from '../state/index.ts';
import { jobOf } from './query/run-query.ts';
import { type TaskFiles, takeSnapshot } from './query/task-snapshot.ts';
import { taskNameOf } from './stages/job-tasks.ts';

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
  /** Counts the commits of the job. */
  readonly epoch: number;
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
    const job = jobOf(argument, log.tasks);
    const task = taskNameOf(job);
    const path = `${directory}/state/${job}/${task}.db`;
    const open = () => openDatabaseReadOnly(path);
    return { job, ...inspectTask({ log, task, path, open }) };
  } finally {
    log.close();
  }
}

/** The state of a task as of its last commit. */
export function inspectTask(files: TaskFiles): Omit<StateDescription, 'job'> {
  const { database, overlay, epoch } = takeSnapshot(files);
  try {
    const numbers = [...overlay.stores.keys()].sort((a, b) => a - b);
    return { epoch, stores: numbers.map((number) => describe(database, overlay, number)) };
  } finally {
    database.close();
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
