/**
 * What stores read of the tables: single rows, and ranges in portions. Each call is a statement of
 * its own and sees the newest fold; what is being folded is in memory anyway.
 */
import type Database from 'better-sqlite3';
import { withSqliteErrors } from '../platform/index.ts';
import type { StoreRecord } from './change.ts';
import { groupOf, indexOf, keyBytesOf, placeOf, stateKeyOf, toColumn } from './key.ts';
import type { StateKey } from './stores.ts';

/** A row as stores know it; `item` is empty but in lists and maps. */
export interface StoredRow {
  readonly time: number;
  readonly key: StateKey;
  readonly item: string;
  readonly value: Buffer;
}

type Column = string | Buffer | number | bigint;
type RawRow = readonly [time: number, group: number, key: Buffer, item: Buffer | number, Buffer];

const columns =
  "time, key_group, CAST(key AS BLOB), CASE typeof(item) WHEN 'integer' THEN item " +
  'ELSE CAST(item AS BLOB) END, CAST(value AS BLOB)';
const order = 'ORDER BY time, key_group, key, item';

export class StoreRows {
  readonly #database: Database.Database;
  readonly #path: string;
  readonly #store: number;
  readonly #record: StoreRecord;
  readonly #point: Database.Statement;
  readonly #statements = new Map<string, Database.Statement>();

  constructor(database: Database.Database, path: string, store: number, record: StoreRecord) {
    this.#database = database;
    this.#path = path;
    this.#store = store;
    this.#record = record;
    this.#point = database
      .prepare(
        'SELECT CAST(value AS BLOB) FROM entries ' +
          'WHERE store = ? AND time = ? AND key_group = ? AND key = ? AND item = ?',
      )
      .pluck();
  }

  /** One value; undefined where there is no such row. */
  get(time: number, key: StateKey, item: string): Buffer | undefined {
    return this.#guard(
      () =>
        this.#point.get(
          this.#store,
          time,
          groupOf(key),
          this.#keyColumn(key),
          this.#itemColumn(item),
        ) as Buffer | undefined, // CAST AS BLOB
    );
  }

  /** At most `limit` rows of a key group. */
  ofGroup(group: number, limit: number): StoredRow[] {
    return this.#rows(`key_group = ? AND time = 0 ${order}`, [group], limit);
  }

  /** At most `limit` elements of a key behind `after`; undefined: from the first on. */
  ofKey(key: StateKey, after: string | undefined, limit: number): StoredRow[] {
    const of = [groupOf(key), this.#keyColumn(key)];
    if (after === undefined) {
      return this.#rows(`time = 0 AND key_group = ? AND key = ? ${order}`, of, limit);
    }
    const where = `time = 0 AND key_group = ? AND key = ? AND item > ? ${order}`;
    return this.#rows(where, [...of, this.#itemColumn(after)], limit);
  }

  /** The last element of a key before `before`; undefined: of all. */
  lastOfKey(key: StateKey, before: string | undefined): StoredRow | undefined {
    const of = [groupOf(key), this.#keyColumn(key)];
    const where = 'time = 0 AND key_group = ? AND key = ?';
    const last = 'ORDER BY item DESC';
    if (before === undefined) return this.#rows(`${where} ${last}`, of, 1)[0];
    return this.#rows(`${where} AND item < ? ${last}`, [...of, this.#itemColumn(before)], 1)[0];
  }

  /** At most `limit` rows from `time` and `key` on, that one included. */
  from(time: number, key: StateKey, limit: number): StoredRow[] {
    return this.#rows(
      `(time, key_group, key) >= (?, ?, ?) ${order}`,
      [time, key === '' ? 0 : groupOf(key), this.#keyColumn(key)],
      limit,
    );
  }

  /** At most `limit` rows before `time` and `key`, the last one first. */
  before(time: number, key: StateKey, limit: number): StoredRow[] {
    return this.#rows(
      '(time, key_group, key) < (?, ?, ?) ' +
        'ORDER BY time DESC, key_group DESC, key DESC, item DESC',
      [time, groupOf(key), this.#keyColumn(key)],
      limit,
    );
  }

  /** All rows but those of timed stores, `atOnce` of them read at a time. */
  *walk(atOnce: number): Generator<StoredRow, void, void> {
    const where = `time = 0 AND (key_group, key, item) > (?, ?, ?) ${order}`;
    let rows = this.#rows(`time = 0 ${order}`, [], atOnce);
    for (;;) {
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined) return;
      const after = [groupOf(last.key), this.#keyColumn(last.key), this.#itemColumn(last.item)];
      rows = this.#rows(where, after, atOnce);
    }
  }

  /**
   * Rows behind `last`, in the order of the tables; undefined: from the first on. At most
   * `rowsMax`, and no more once they have `bytesMax` bytes.
   */
  behind(last: StoredRow | undefined, rowsMax: number, bytesMax: number): StoredRow[] {
    const where =
      last === undefined ? order : `(time, key_group, key, item) > (?, ?, ?, ?) ${order}`;
    const place = last === undefined ? [] : this.#placeOf(last);
    return this.#guard(() => {
      const rows: StoredRow[] = [];
      let bytes = 0;
      for (const raw of this.#statement(where).iterate(this.#store, ...place, rowsMax)) {
        const row = rowOf(raw as RawRow); // as selected
        rows.push(row);
        bytes += row.key.length + row.item.length + row.value.length;
        if (bytes >= bytesMax) break;
      }
      return rows;
    });
  }

  first(): StoredRow | undefined {
    return this.#rows(order, [], 1)[0];
  }

  last(): StoredRow | undefined {
    return this.#rows('ORDER BY time DESC, key_group DESC, key DESC, item DESC', [], 1)[0];
  }

  #rows(where: string, parameters: readonly Column[], limit: number): StoredRow[] {
    const statement = this.#statement(where);
    const rows = this.#guard(() => statement.all(this.#store, ...parameters, limit) as RawRow[]);
    return rows.map(rowOf);
  }

  #placeOf({ time, key, item }: StoredRow): Column[] {
    return [time, groupOf(key), this.#keyColumn(key), this.#itemColumn(item)];
  }

  #statement(where: string): Database.Statement {
    const known = this.#statements.get(where);
    if (known !== undefined) return known;
    const and = where.startsWith('ORDER') ? '' : 'AND';
    const statement = this.#database
      .prepare(`SELECT ${columns} FROM entries WHERE store = ? ${and} ${where} LIMIT ?`)
      .raw();
    this.#statements.set(where, statement);
    return statement;
  }

  #keyColumn(key: StateKey): Column {
    return toColumn(keyBytesOf(key), this.#record.keyText);
  }

  #itemColumn(item: string): Column {
    return itemColumn(item, this.#record);
  }

  #guard<Result>(run: () => Result): Result {
    return withSqliteErrors(this.#path, run);
  }
}

function rowOf([time, group, key, item, value]: RawRow): StoredRow {
  const ofItem = typeof item === 'number' ? placeOf(item) : item.toString('latin1');
  return { time, key: stateKeyOf(group, key), item: ofItem, value };
}

/** Lists and maps have items; the other kinds have an empty text, which takes no space. */
export function itemColumn(item: string, { kind, itemText }: StoreRecord): Column {
  if (kind === 'list') return BigInt(indexOf(item)); // a number would become REAL
  if (kind !== 'map') return '';
  return toColumn(Buffer.from(item, 'latin1'), itemText);
}
