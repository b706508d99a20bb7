/** A query, in the process that it is given: everything but the limit of time. */
import type Database from 'better-sqlite3';
import { type LogView, openLogView } from '../../broker/index.ts';
import { number } from '../../formats/index.ts';
import {
  assert,
  MillraceError,
  nearest,
  openDatabaseForNow,
  openDatabaseReadOnly,
  type Platform,
} from '../../platform/index.ts';
import { joinRows, type StoreRecord } from '../../state/index.ts';
import { jobsIn, type TaskLog, taskNamesIn } from '../stages/recorded-tasks.ts';
import { Calendar, type CalendarPeriods } from '../time/calendar.ts';
import { type Selected, type SqlParameters, select } from './select.ts';
import {
  closeAll,
  type ReadLog,
  type TaskFiles,
  type TaskSnapshot,
  takeSnapshots,
} from './task-snapshot.ts';
import { defineViews, mayRead, sampleRowsMax } from './views.ts';

export interface QueryArgument {
  readonly directory: string;
  readonly sql: string;
  /** Undefined: the only one. */
  readonly job: string | undefined;
  readonly parameters: SqlParameters;
  readonly rowsMax: number;
}

export interface QueryAnswer extends Selected {
  readonly job: string;
  readonly tasks: readonly TaskProgress[];
}

/** Where a task stands in the answer to a query. */
export type TaskProgress = Pick<TaskSnapshot, 'task' | 'epoch' | 'changelogOffset'>;

/** Runs in another process. */
export async function runQuery(argument: QueryArgument, platform: Platform): Promise<QueryAnswer> {
  const { directory } = argument;
  const log = await openLogView(platform, directory);
  try {
    const job = jobOf(argument, log);
    return { job, ...queryTasks(log, filesOf(log, directory, job), argument) };
  } finally {
    log.close();
  }
}

/** The tasks of a job where the log stands, and their state files. */
export function filesOf(
  log: LogView,
  directory: string,
  job: string,
  open: (path: string) => Database.Database | undefined = openDatabaseReadOnly,
): () => readonly TaskFiles[] {
  return () =>
    taskNamesIn(log, job).map((task) => {
      const path = `${directory}/state/${job}/${task}.db`;
      return { log, task, path, open: () => open(path) };
    });
}

/** What `sql` gives of the state of the tasks of a job, as of their last commits. */
export function queryTasks(
  log: ReadLog,
  files: () => readonly TaskFiles[],
  { sql, parameters, rowsMax }: Omit<QueryArgument, 'directory' | 'job'>,
): Omit<QueryAnswer, 'job'> {
  const snapshots = takeSnapshots(log, files);
  const open: Pick<TaskSnapshot, 'database'>[] = [...snapshots];
  try {
    const [first] = snapshots;
    assert(first !== undefined, 'a job has a task');
    const { database, overlay } = snapshots.length === 1 ? first : joined(snapshots, sql);
    if (snapshots.length > 1) open.push({ database });
    defineFunctions(database);
    const views = defineViews(database, overlay);
    const path = files()[0]?.path ?? '';
    const selected = select(database, { sql, parameters, rowsMax, path, views });
    const tasks = snapshots.map(({ task, epoch, changelogOffset }) => {
      return { task, epoch, changelogOffset };
    });
    return { ...selected, tasks };
  } finally {
    closeAll(open);
  }
}

/** One database with all that `sql` may read; of the rest enough to see which columns there are. */
function joined(snapshots: readonly TaskSnapshot[], sql: string) {
  const database = openDatabaseForNow();
  try {
    const sampled = Math.ceil(sampleRowsMax / snapshots.length);
    const rowsMaxOf = (record: StoreRecord) =>
      mayRead(sql, record) ? Number.POSITIVE_INFINITY : sampled;
    return { database, overlay: joinRows(database, snapshots, rowsMaxOf) };
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * `number_of(bytes)`: what the codec of numbers wrote. `calendar_start(unit, weekStartsOn, zone,
 * time)`: when the period of a time began.
 */
function defineFunctions(database: Database.Database): void {
  const codec = number();
  database.function('number_of', { deterministic: true }, (bytes) =>
    bytes instanceof Uint8Array ? codec.decode(bytes, 0, bytes.length) : null,
  );
  const calendars = new Map<string, Calendar>();
  const periodOf = (unit: string, weekStartsOn: string, timeZone: string, time: number) => {
    const name = `${unit} ${weekStartsOn} ${timeZone}`;
    const periods = { unit, weekStartsOn, timeZone } as CalendarPeriods; // out of a shape
    const calendar = calendars.get(name) ?? new Calendar(periods);
    calendars.set(name, calendar);
    return calendar.periodOf(time);
  };
  database.function('calendar_start', { deterministic: true }, (unit, from, zone, time) => {
    return periodOf(String(unit), String(from), String(zone), Number(time)).start;
  });
}

/** The job that is meant: fails with `INVALID` where that is not clear, or there is none. */
export function jobOf(
  { job, directory }: Pick<QueryArgument, 'job' | 'directory'>,
  log: TaskLog,
): string {
  const jobs = jobsIn(log);
  const [first, ...others] = jobs;
  if (first === undefined) {
    throw new MillraceError('INVALID', `No job has run in ${directory}, so there is no state.`);
  }
  if (job === undefined && others.length === 0) return first;
  if (job !== undefined && jobs.includes(job)) return job;
  const there = `In ${directory} there are: ${jobs.join(', ')}.`;
  if (job === undefined) {
    const message = `Which job is meant? ${there} Give { job } or --job.`;
    throw new MillraceError('INVALID', message);
  }
  const likely = nearest(job, jobs);
  const hint = likely === undefined ? '' : ` Did you mean "${likely}"?`;
  throw new MillraceError('INVALID', `There is no job "${job}".${hint} ${there}`);
}
