import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { deliver, type SqliteSinkOptions, sqliteSink } from '../../src/connectors/index.ts';
import type { Log } from '../../src/runtime/index.ts';
import { sinkContract } from '../contracts/sink.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type Cup, cups, memoryLog, untilRunning } from './fixtures.ts';

const columns: SqliteSinkOptions<string, Cup>['columns'] = {
  who: ({ key }) => key,
  price: ({ value }) => value?.price,
};

async function logWith(records: readonly [string, number | null][]): Promise<Log> {
  const log = memoryLog();
  await log.createTopic(cups, 1);
  await send(log, records);
  return log;
}

async function send(log: Log, records: readonly [string, number | null][]): Promise<void> {
  for (const [key, price] of records) {
    if (price !== null) await log.send(cups, { key, value: { by: key, price } });
    else await log.send({ ...cups, value: noValue }, { key, value: null });
  }
}

/** Writes JSON null, which reads as a record whose value is null. */
const noValue = { ...cups.value, encode: () => Buffer.from('null') };

async function deliverAll(log: Log, options: SqliteSinkOptions<string, Cup>, name = 'cups') {
  await (await deliver(cups, sqliteSink(options), { data: log, name })).stop({ drain: true });
}

function rowsOf(file: string, sql: string): unknown[] {
  const database = new Database(file, { readonly: true });
  try {
    return database.prepare(sql).raw().all();
  } finally {
    database.close();
  }
}

sinkContract('an SQLite database', async () => {
  const file = `${temporaryDirectory()}/out.db`;
  const options = {
    file,
    table: 'cups',
    columns: { ...columns, id: ({ id }: { id: string }) => id },
  };
  return {
    guarantee: 'exactly once',
    sink: () => sqliteSink<string, Cup>(options),
    contents: async () =>
      rowsOf(file, 'SELECT price, id FROM cups ORDER BY rowid').map((row) => {
        const [price, id] = row as [number, string]; // the columns that were asked for
        return { price, id };
      }),
  };
});

describe('the SQLite sink', () => {
  test('replaces and deletes rows by their primary key', async () => {
    const file = `${temporaryDirectory()}/out.db`;
    const log = await logWith([
      ['ada', 1],
      ['bob', 2],
      ['ada', 3],
      ['bob', null],
      ['cy', 4],
    ]);
    await deliverAll(log, { file, table: 'last', columns, primaryKey: ['who'] });
    expect(rowsOf(file, 'SELECT * FROM last ORDER BY who')).toEqual([
      ['ada', 3],
      ['cy', 4],
    ]);
    await send(log, [
      ['bob', 5],
      ['ada', null],
    ]);
    await deliverAll(log, { file, table: 'last', columns, primaryKey: ['who'] });
    expect(rowsOf(file, 'SELECT * FROM last ORDER BY who')).toEqual([
      ['bob', 5],
      ['cy', 4],
    ]);
    expect(rowsOf(file, 'SELECT * FROM millrace_positions')).toEqual([
      ['cups', 0, 7, 'cups', 1, 'memory'],
    ]);
  });

  test('writes to a table that is there, and takes what the table refuses as an error', async () => {
    const file = `${temporaryDirectory()}/out.db`;
    const database = new Database(file);
    database.exec('CREATE TABLE cups (who TEXT NOT NULL, price INTEGER CHECK (price < 5)) STRICT');
    database.close();
    const log = await logWith([['ada', 1]]);
    await deliverAll(log, { file, table: 'cups', columns });
    await send(log, [
      ['ada', 2],
      ['bob', 5],
    ]);
    await expect(deliverAll(log, { file, table: 'cups', columns })).rejects.toThrow(
      /the table "cups" does not take it \(SQLITE_CONSTRAINT_CHECK/,
    );
    expect(rowsOf(file, 'SELECT price FROM cups')).toEqual([[1]]); // all of the batch, or nothing
    const more = { ...columns, prise: () => 1 };
    await expect(deliverAll(log, { file, table: 'cups', columns: more })).rejects.toThrow(
      'the table "cups" has no column "prise"; it has who, price',
    );
  });

  test('names the record with a value that no column can hold', async () => {
    const file = `${temporaryDirectory()}/out.db`;
    const log = await logWith([['ada', 1]]);
    const wrong = { who: () => Number.NaN };
    await expect(deliverAll(log, { file, table: 'a', columns: wrong })).rejects.toThrow(
      `record cups-0-0: column "who" can't hold NaN`,
    );
    const keyless = { who: () => null };
    await expect(
      deliverAll(log, { file, table: 'b', columns: keyless, primaryKey: ['who'] }),
    ).rejects.toThrow('record cups-0-0: column "who" of the primary key is null');
  });

  test('refuses the rows of another topic, and positions that somebody else moved', async () => {
    const file = `${temporaryDirectory()}/out.db`;
    const log = await logWith([['ada', 1]]);
    await deliverAll(log, { file, table: 'cups', columns });
    await log.broker.deleteTopic('cups');
    await log.createTopic(cups, 1);
    await send(log, [['ada', 1]]);
    await expect(deliverAll(log, { file, table: 'cups', columns })).rejects.toThrow(
      'the records of another topic "cups" (made again since?)',
    );
    await deliverAll(log, { file, table: 'cups', columns }, 'again');
    expect(rowsOf(file, 'SELECT count(*) FROM cups')).toEqual([[2]]);

    const handle = await deliver(cups, sqliteSink<string, Cup>({ file, table: 'cups', columns }), {
      data: log,
      name: 'again',
    });
    await untilRunning(handle);
    const database = new Database(file);
    database.exec(`UPDATE millrace_positions SET next_offset = 2 WHERE delivery = 'again'`);
    database.close();
    await send(log, [['bob', 2]]);
    await expect(handle.done).rejects.toMatchObject({ code: 'FENCED' });
  });

  test('is refused where its columns can not be', () => {
    expect(() => sqliteSink({ file: 'a', table: 'b', columns: {} })).toThrow('at least one column');
    expect(() => sqliteSink({ file: 'a', table: 'b', columns, primaryKey: ['whom'] })).toThrow(
      '"whom" of primaryKey is none of the columns',
    );
  });
});
