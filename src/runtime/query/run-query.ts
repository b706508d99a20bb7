/** A query, in the process that it is given: everything but the limit of time. */
import type Database from 'better-sqlite3';
import { openLogView, type TaskProgress } from '../../broker/index.ts';
import { number } from '../../formats/index.ts';
import {
  MillraceError,
  nearest,
  openDatabaseReadOnly,
  type Platform,
} from '../../platform/index.ts';
import { taskNameOf } from '../stages/job-tasks.ts';
import { Calendar, type CalendarPeriods } from '../time/calendar.ts';
import { type Selected, type SqlParameters, select } from './select.ts';
import { type TaskFiles, takeSnapshot } from './task-snapshot.ts';
import { defineViews } from './views.ts';

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
  readonly epoch: number;
  readonly changelogOffset: number;
}

/** Runs in another process. */
export async function runQuery(argument: QueryArgument, platform: Platform): Promise<QueryAnswer> {
  const { directory } = argument;
  const log = await openLogView(platform, directory);
  try {
    const job = jobOf(argument, log.tasks);
    const task = taskNameOf(job);
    const path = `${directory}/state/${job}/${task}.db`;
    const files = { log, task, path, open: () => openDatabaseReadOnly(path) };
    return { job, ...queryTask(files, argument) };
  } finally {
    log.close();
  }
}

/** What `sql` gives of the state of a task as of its last commit. */
export function queryTask(
  files: TaskFiles,
  { sql, parameters, rowsMax }: Omit<QueryArgument, 'directory' | 'job'>,
): Omit<QueryAnswer, 'job'> {
  const { database, overlay, epoch, changelogOffset } = takeSnapshot(files);
  try {
    defineFunctions(database);
    const views = defineViews(database, overlay);
    const selected = select(database, { sql, parameters, rowsMax, path: files.path, views });
    return { ...selected, epoch, changelogOffset };
  } finally {
    database.close();
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
  tasks: readonly TaskProgress[],
): string {
  const suffix = taskNameOf('');
  const jobs = tasks
    .filter(({ task }) => task.endsWith(suffix)) // others belong to users of the broker
    .map(({ task }) => task.slice(0, -suffix.length))
    .sort();
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
