/**
 * Rows of an SQLite database, exactly once: the rows of a batch and the positions behind it are one
 * transaction, in a table beside the rows.
 *
 *   delays                               millrace_positions
 *   origin | windowStart | flights       delivery | partition | next_offset | topic | ...
 *
 * The transaction also checks that the positions are still those that the batch follows. So two
 * deliveries under one name, whatever let it come to that, can't write the same records twice.
 */
import type Database from 'better-sqlite3';
import {
  checkOptions,
  MillraceError,
  messageOf,
  sqliteCodeOf,
  sqliteFailure,
} from '../../platform/index.ts';
import type { DeliveredBatch, DeliveredRecord, OpenSink, Sink, SinkContext } from '../sink.ts';

/** What a column can hold; a boolean becomes 0 or 1, undefined NULL. */
export type SqliteValue = string | number | bigint | boolean | Uint8Array | null | undefined;

export interface SqliteSinkOptions<Key, Value> {
  /** The database, made where it is missing. It is set to keep a write-ahead log. */
  readonly file: string;
  /** The table, made where it is missing: its columns take values of any type. */
  readonly table: string;
  /** The columns, and what a record puts there. `value` is null for a record without one. */
  readonly columns: Readonly<Record<string, (record: DeliveredRecord<Key, Value>) => SqliteValue>>;
  /**
   * Columns that a row is known by: a record with the same values there replaces the row, and one
   * without a value deletes it. Default: each record is a row of its own.
   */
  readonly primaryKey?: readonly string[];
}

const positionsTable = 'millrace_positions';

/**
 * Writes each record as a row, exactly once: rows and positions are one transaction.
 *
 * Fails with `INVALID` for a value that no column can hold, and for a table that lacks a column;
 * with `FILE_MISMATCH` for a database with the rows of another topic or log.
 *
 * @example
 * deliver(delays, sqliteSink({
 *   file: 'results.db',
 *   table: 'delays',
 *   columns: {
 *     origin: ({ key }) => key,
 *     hour: ({ value }) => value?.windowStart,
 *     flights: ({ value }) => value?.flights,
 *   },
 *   primaryKey: ['origin', 'hour'],
 * }), { data: './data' });
 */
export function sqliteSink<Key, Value>(options: SqliteSinkOptions<Key, Value>): Sink<Key, Value> {
  checkOptions('sqliteSink()', options, ['file', 'table', 'columns', 'primaryKey']);
  const { file, table, columns, primaryKey = [] } = options;
  if (Object.keys(columns).length === 0) throw invalid('a row needs at least one column');
  const missing = primaryKey.find((name) => !Object.hasOwn(columns, name));
  if (missing !== undefined) throw invalid(`"${missing}" of primaryKey is none of the columns`);
  return {
    name: file,
    open(context) {
      const database = context.platform.openDatabase(file, { durable: true });
      try {
        return new OpenSqliteSink(database, options, context);
      } catch (error) {
        database.close();
        throw failureOf(file, table, error);
      }
    },
  };
}

class OpenSqliteSink<Key, Value> implements OpenSink<Key, Value> {
  readonly positions: readonly number[];
  readonly #database: Database.Database;
  readonly #options: SqliteSinkOptions<Key, Value>;
  readonly #context: SinkContext;
  readonly #put: Database.Statement;
  readonly #delete: Database.Statement | undefined;
  readonly #move: Database.Statement;

  constructor(
    database: Database.Database,
    options: SqliteSinkOptions<Key, Value>,
    context: SinkContext,
  ) {
    this.#database = database;
    this.#options = options;
    this.#context = context;
    const { table, columns, primaryKey = [] } = options;
    const names = Object.keys(columns);
    database.exec('BEGIN IMMEDIATE');
    database.exec(`CREATE TABLE IF NOT EXISTS ${positionsTable} (
      delivery TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
      topic TEXT NOT NULL, topic_id INTEGER NOT NULL, log TEXT NOT NULL,
      PRIMARY KEY (delivery, partition)) WITHOUT ROWID`);
    makeTable(database, table, names, primaryKey);
    database.exec('COMMIT');
    this.positions = positionsOf(database, options.file, context);
    const set = names.map((name) => `${quoted(name)} = excluded.${quoted(name)}`).join(', ');
    const known = primaryKey.map(quoted).join(', ');
    const onConflict = known === '' ? '' : ` ON CONFLICT (${known}) DO UPDATE SET ${set}`;
    const marks = names.map(() => '?').join(', ');
    const into = `${quoted(table)} (${names.map(quoted).join(', ')})`;
    this.#put = database.prepare(`INSERT INTO ${into} VALUES (${marks})${onConflict}`);
    const where = primaryKey.map((name) => `${quoted(name)} IS ?`).join(' AND ');
    this.#delete =
      where === '' ? undefined : database.prepare(`DELETE FROM ${quoted(table)} WHERE ${where}`);
    this.#move = database.prepare(`INSERT INTO ${positionsTable} VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset WHERE next_offset = ?`);
  }

  write(batch: DeliveredBatch<Key, Value>): void {
    try {
      this.#database.transaction(() => this.#writeAll(batch)).immediate();
    } catch (error) {
      throw failureOf(this.#options.file, this.#options.table, error);
    }
  }

  close(): void {
    this.#database.close();
  }

  #writeAll({ records, from, to }: DeliveredBatch<Key, Value>): void {
    for (const record of records) this.#writeRecord(record);
    for (const [partition, offset] of to.entries()) {
      if (offset !== from[partition]) this.#movePosition(partition, from[partition] ?? 0, offset);
    }
  }

  #writeRecord(record: DeliveredRecord<Key, Value>): void {
    const { columns, primaryKey = [] } = this.#options;
    const isDeleted = record.value === null && this.#delete !== undefined;
    const names = isDeleted ? primaryKey : Object.keys(columns);
    const values = names.map((name) => bindable(columns[name]?.(record), name, record));
    const unknown = primaryKey.find((name) => values[names.indexOf(name)] === null);
    if (unknown !== undefined) throw keyless(record, unknown);
    (isDeleted ? this.#delete : this.#put)?.run(...values);
  }

  #movePosition(partition: number, from: number, to: number): void {
    const { delivery, topic } = this.#context;
    const { id, name, log } = topic;
    const { changes } = this.#move.run(delivery, partition, to, name, id, log, from);
    if (changes === 1) return;
    throw new MillraceError(
      'FENCED',
      `${this.#options.file}: the delivery "${delivery}" has been moved on by somebody else. ` +
        'Let one process at a time deliver under this name.',
    );
  }
}

function makeTable(
  database: Database.Database,
  table: string,
  names: readonly string[],
  primaryKey: readonly string[],
): void {
  const key = primaryKey.length === 0 ? '' : `, PRIMARY KEY (${primaryKey.map(quoted).join(', ')})`;
  database.exec(
    `CREATE TABLE IF NOT EXISTS ${quoted(table)} (${names.map(quoted).join(', ')}${key})`,
  );
  const there = database.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(table);
  const missing = names.find((name) => !there.includes(name));
  if (missing === undefined) return;
  throw invalid(`the table "${table}" has no column "${missing}"; it has ${there.join(', ')}`);
}

/** Fails with `FILE_MISMATCH` where they are those of another topic. */
function positionsOf(
  database: Database.Database,
  file: string,
  { delivery, topic }: SinkContext,
): number[] {
  const rows = database
    .prepare(`SELECT partition, next_offset, topic, topic_id, log FROM ${positionsTable}
      WHERE delivery = ?`)
    .raw()
    .all(delivery) as [number, number, string, number, string][]; // the columns above
  const positions: number[] = [];
  for (const [partition, offset, name, id, log] of rows) {
    if (name !== topic.name || id !== topic.id || log !== topic.log) {
      throw otherTopic(file, delivery, name, topic.name);
    }
    positions[partition] = offset;
  }
  return positions;
}

function bindable(
  value: SqliteValue,
  column: string,
  record: { readonly id: string },
): string | number | bigint | Uint8Array | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' || typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'number' && !Number.isNaN(value)) return value;
  const what = typeof value === 'number' ? 'NaN' : `a value of type ${typeof value}`;
  throw invalid(
    `record ${record.id}: column "${column}" can't hold ${what}. Return text, a number, a ` +
      'boolean, bytes or null; JSON.stringify() an object',
  );
}

/** What the table refuses is a matter of the table, not of the disk. */
function failureOf(file: string, table: string, error: unknown): unknown {
  const code = sqliteCodeOf(error) ?? '';
  if (!/^SQLITE_(CONSTRAINT|ERROR|MISMATCH|TOOBIG)/.test(code)) return sqliteFailure(file, error);
  const message = `${file}: the table "${table}" does not take it (${code}: ${messageOf(error)}).`;
  return new MillraceError('INVALID', `${message} Change the table or the columns.`, {
    cause: error,
  });
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function keyless(record: { readonly id: string }, column: string): MillraceError {
  return invalid(`record ${record.id}: column "${column}" of the primary key is null`);
}

function otherTopic(file: string, delivery: string, found: string, topic: string): MillraceError {
  const which = found === topic ? `another topic "${found}" (made again since?)` : `"${found}"`;
  return new MillraceError(
    'FILE_MISMATCH',
    `${file} has, of the delivery "${delivery}", the records of ${which}, not those of topic ` +
      `"${topic}" in this directory. Deliver to another file, or under another name.`,
  );
}

function invalid(what: string): MillraceError {
  return new MillraceError('INVALID', `sqliteSink(): ${what}.`);
}
