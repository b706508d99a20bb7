/**
 * SQL over the state of a job, running or not: a consistent view at a commit, only for reading.
 *
 * SQLite runs a statement to its end, however long that takes. So a query has a process of its own,
 * which is killed when its time is over: no job ever waits for a query.
 */
import { checkNumbers, checkOptions, MillraceError, runInChild } from '../../platform/index.ts';
import type { QueryAnswer, QueryArgument, TaskProgress } from './run-query.ts';
import type { SqlParameters, SqlValue } from './select.ts';

export interface QueryOptions {
  /** Whose state; may be left out where the directory has one job. */
  readonly job?: string;
  /** For `?` in the SQL an array, for `:name` an object. */
  readonly parameters?: SqlParameters;
  /** How long it may take, its start included, in ms. Default 10,000. */
  readonly timeoutMs?: number;
  /** Default 1,000. */
  readonly rowsMax?: number;
}

export interface QueryResult<Row> {
  /** In their order; a name that comes again gets a number. */
  readonly columns: readonly (keyof Row & string)[];
  readonly rows: readonly Row[];
  /** Whether there were more rows than `rowsMax`, or than fit into 64 MiB. */
  readonly truncated: boolean;
  /** What it is as of: everything that was committed when the query began. */
  readonly asOf: {
    readonly job: string;
    /** Counts the commits of the job: of all its tasks. */
    readonly epoch: number;
    /** The changelog up to here; of all tasks together. */
    readonly changelogOffset: number;
    /** Where each task of the job stands: all of them at one entry of the log. */
    readonly tasks: readonly {
      readonly task: string;
      readonly epoch: number;
      readonly changelogOffset: number;
    }[];
  };
}

const timeoutMsMax = 2 ** 31 - 1;

/**
 * Runs one SELECT over the state of a job; docs/sql.md says which views there are. `Row` is the
 * caller's word for what a row is.
 *
 * Fails with `INVALID` (no such job or view, an error in the SQL, a statement that is not a
 * SELECT), `TIMEOUT`, or as opening the directory does.
 *
 * @example
 * const { rows } = await query('./data', 'SELECT key, seen FROM counts_accumulator');
 */
export async function query<Row extends object = Record<string, SqlValue>>(
  directory: string,
  sql: string,
  options: QueryOptions = {},
): Promise<QueryResult<Row>> {
  checkQueryOptions(options);
  const { job, parameters = [], timeoutMs = 10_000, rowsMax = 1000 } = options;
  const argument: QueryArgument = { directory, sql, job, parameters, rowsMax };
  const call = { url: runQueryUrl(), name: 'runQuery', argument };
  const answer = await runInChild<QueryAnswer>(call, timeoutMs);
  if (answer === undefined) throw timedOut(timeoutMs);
  const { columns, rows, truncated, job: asked, tasks } = answer.result;
  const sumOf = (of: (task: TaskProgress) => number) =>
    tasks.reduce((sum, task) => sum + of(task), 0);
  return {
    columns: columns as QueryResult<Row>['columns'], // the caller's word
    rows: rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])) as Row),
    truncated,
    asOf: {
      job: asked,
      epoch: sumOf(({ epoch }) => epoch),
      changelogOffset: sumOf(({ changelogOffset }) => changelogOffset),
      tasks,
    },
  };
}

function checkQueryOptions(options: QueryOptions): void {
  checkOptions('query()', options, ['job', 'parameters', 'timeoutMs', 'rowsMax']);
  checkNumbers('query()', options, ['timeoutMs', 'rowsMax']);
  if ((options.timeoutMs ?? 0) <= timeoutMsMax) return;
  throw new MillraceError(
    'INVALID',
    `query(): timeoutMs can't be ${options.timeoutMs}: it is at most ${timeoutMsMax}.`,
  );
}

function timedOut(timeoutMs: number): MillraceError {
  return new MillraceError(
    'TIMEOUT',
    `The query was ended after ${timeoutMs} ms. Ask for less, or give it more time (timeoutMs, ` +
      '--timeout).',
  );
}

/** Beside this module, as source or compiled. */
function runQueryUrl(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./run-query.${extension}`, import.meta.url).href;
}
