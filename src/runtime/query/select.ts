/**
 * Runs what a user asks: one statement that only reads, as far as the rows and bytes that are
 * wanted. What is wrong with it is said with what there is instead.
 */
import type Database from 'better-sqlite3';
import {
  MillraceError,
  messageOf,
  nearest,
  sqliteCodeOf,
  sqliteFailure,
} from '../../platform/index.ts';

/** A value in a row: a whole number beyond 2^53 is a bigint. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** What can be given for `?`, `:name`, `$name` or `@name`. */
export type SqlParameters =
  | readonly (SqlValue | boolean)[]
  | Readonly<Record<string, SqlValue | boolean>>;

export interface Selected {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  readonly truncated: boolean;
}

export interface SelectOptions {
  readonly sql: string;
  readonly parameters: SqlParameters;
  readonly rowsMax: number;
  /** Names the database in errors. */
  readonly path: string;
  /** Named where a table does not exist. */
  readonly views: readonly string[];
}

/** A result ends behind the row that goes beyond this. */
const resultBytesMax = 64 * 1024 * 1024;

/** Fails with `INVALID` for what can't be asked. */
export function select(database: Database.Database, options: SelectOptions): Selected {
  try {
    const statement = database.prepare(options.sql);
    if (!statement.reader || !statement.readonly) throw onlySelect();
    const { columns, rows, truncated } = take(statement.raw().safeIntegers(), options);
    return { columns, rows, truncated };
  } catch (error) {
    throw explained(error, options);
  }
}

function take(statement: Database.Statement, { parameters, rowsMax }: SelectOptions): Selected {
  const columns = namesOf(statement.columns().map(({ name }) => name));
  const rows: SqlValue[][] = [];
  let bytes = 0;
  for (const row of statement.iterate(...bound(parameters)) as IterableIterator<SqlValue[]>) {
    if (rows.length >= rowsMax || bytes > resultBytesMax) return { columns, rows, truncated: true };
    rows.push(row.map(plain));
    for (const value of row) bytes += sizeOf(value);
  }
  return { columns, rows, truncated: false };
}

/** So that a row can be an object: `a`, `b`, `a_2`. */
function namesOf(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let n = 2; taken.has(free); n++) free = `${name}_${n}`;
    taken.add(free);
    return free;
  });
}

function bound(parameters: SqlParameters): unknown[] {
  const sqlOf = (value: unknown) => (typeof value === 'boolean' ? Number(value) : value);
  if (Array.isArray(parameters)) return parameters.map(sqlOf);
  const named = Object.entries(parameters).map(([name, value]) => [name, sqlOf(value)]);
  return named.length === 0 ? [] : [Object.fromEntries(named)];
}

function plain(value: SqlValue): SqlValue {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function sizeOf(value: SqlValue): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 8;
}

function onlySelect(): MillraceError {
  return new MillraceError(
    'INVALID',
    'A query only reads: use one SELECT (or WITH ... SELECT, VALUES, EXPLAIN). State is changed ' +
      'by its job alone.',
  );
}

/** What SQLite says of the user's statement is a mistake in it; all else is what it always is. */
function explained(error: unknown, { views, path }: SelectOptions): unknown {
  const said = messageOf(error);
  const table = /^no such table: (.+)$/.exec(said)?.[1];
  if (table !== undefined) {
    const likely = nearest(table, views);
    const hint = likely === undefined ? '' : ` Did you mean ${likely}?`;
    const message = `There is no view ${table}.${hint} There are: ${views.join(', ')}.`;
    return new MillraceError('INVALID', message, { cause: error });
  }
  const isStatement = error instanceof RangeError || error instanceof TypeError;
  if (isStatement || /^SQLITE_(ERROR|TOOBIG|MISMATCH)/.test(sqliteCodeOf(error) ?? '')) {
    return new MillraceError('INVALID', `The query failed: ${said}.`, { cause: error });
  }
  return sqliteFailure(path, error);
}
