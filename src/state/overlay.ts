/**
 * The state of a task as of its last commit, for SQL: the tables of its state file, as of one
 * transaction, with the changes that they lack beside them.
 *
 *   temp.overlay       the last change of each entry since the fold; the value NULL: deleted
 *   temp.overlay_all   keys of lists and maps all of whose rows in the tables are gone
 *
 * Changes are taken in the order of the changelog from the folded offset on. Rows of the tables may
 * be newer than that offset says, because a fold is under way: their changes are among these too,
 * and the last one of each entry counts.
 */
import type Database from 'better-sqlite3';
import {
  type Change,
  decodeStoreRecord,
  type EntryAddress,
  parseChangeKey,
  type StoreRecord,
} from './change.ts';
import { groupOf, keyBytesOf, keyGroups, toColumn } from './key.ts';
import { itemColumn } from './store-rows.ts';
import type { StateKey } from './stores.ts';

/** Columns of `Overlay.rowsOf`. */
export const rowColumns = 'time, key_group, key, item, value';

export class Overlay {
  /** By number: what there is as of the last change, but for what a migration is making. */
  readonly stores: ReadonlyMap<number, StoreRecord>;
  readonly #changed = new Set<number>();
  readonly #cleared = new Set<number>();

  /** `folded`: the stores that the tables know. The database may be open for reading only. */
  constructor(
    database: Database.Database,
    folded: ReadonlyMap<number, StoreRecord>,
    changes: Iterable<Change>,
  ) {
    createTables(database);
    const stores = new Map(folded);
    this.stores = stores;
    const put = database.prepare('INSERT OR REPLACE INTO temp.overlay VALUES (?, ?, ?, ?, ?, ?)');
    const clear = new ClearStatements(database);
    for (const { key, value } of changes) {
      const of = parseChangeKey(key);
      if (of.kind === 'store') {
        if (value !== null) stores.set(of.store, decodeStoreRecord(value));
        else stores.delete(of.store);
        continue;
      }
      const record = stores.get(of.store);
      if (record === undefined) continue; // dropped later, which the tables know already
      if (of.kind === 'all') {
        clear.run(of.store, of.key, record);
        this.#cleared.add(of.store);
      } else {
        put.run(...columnsOf(of, record), value && toColumn(value, record.valueText));
        this.#changed.add(of.store);
      }
    }
    for (const [store, { replaces }] of stores) if (replaces !== undefined) stores.delete(store);
  }

  /** A SELECT of the rows of one store, with the columns `rowColumns`. */
  rowsOf(store: number): string {
    const of = `store = ${store}${this.stores.get(store)?.kind === 'timed' ? '' : allGroups}`;
    const tables = `SELECT ${rowColumns} FROM main.entries e WHERE ${of}`;
    const isCleared = this.#cleared.has(store)
      ? ` AND NOT EXISTS (SELECT 1 FROM temp.overlay_all a WHERE ${sameKey('a', store)})`
      : '';
    if (!this.#changed.has(store)) return tables + isCleared;
    const changed = `${sameKey('o', store)} AND o.time = e.time AND o.item = e.item`;
    return (
      `${tables}${isCleared} AND NOT EXISTS (SELECT 1 FROM temp.overlay o WHERE ${changed}) ` +
      `UNION ALL SELECT ${rowColumns} FROM temp.overlay WHERE ${of} AND value IS NOT NULL`
    );
  }

  /**
   * An expression: the value of the row of `store` at time 0 with the key of the row `of` and this
   * item; NULL where there is none.
   */
  valueAt(store: number, of: string, item: string): string {
    const key = `store = ${store} AND key_group = ${of}.key_group AND key = ${of}.key`;
    const row = `${key} AND time = 0 AND item = ${item}`;
    const inTables = `(SELECT value FROM main.entries WHERE ${row})`;
    if (!this.#changed.has(store) && !this.#cleared.has(store)) return inTables;
    return (
      `CASE WHEN EXISTS (SELECT 1 FROM temp.overlay WHERE ${row}) ` +
      `THEN (SELECT value FROM temp.overlay WHERE ${row}) ` +
      `WHEN NOT EXISTS (SELECT 1 FROM temp.overlay_all WHERE ${key}) THEN ${inTables} END`
    );
  }
}

/**
 * Names every key group, so that a condition on `key` finds its rows by the primary key instead of
 * looking at all of the store.
 */
const groups: string = Array.from({ length: keyGroups }, (_, group) => group).join();
const allGroups: string = ` AND time = 0 AND key_group IN (${groups})`;

/** A row of `of` has the key of the row `e`. */
function sameKey(of: string, store: number): string {
  return `${of}.store = ${store} AND ${of}.key_group = e.key_group AND ${of}.key = e.key`;
}

/** Removing all of a key: what came before is forgotten, and the tables' rows do not count. */
class ClearStatements {
  readonly #forget: Database.Statement;
  readonly #note: Database.Statement;

  constructor(database: Database.Database) {
    this.#forget = database.prepare(
      'DELETE FROM temp.overlay WHERE store = ? AND time = 0 AND key_group = ? AND key = ?',
    );
    this.#note = database.prepare('INSERT OR REPLACE INTO temp.overlay_all VALUES (?, ?, ?)');
  }

  run(store: number, key: StateKey, record: StoreRecord): void {
    const of = [store, groupOf(key), toColumn(keyBytesOf(key), record.keyText)];
    this.#forget.run(...of);
    this.#note.run(...of);
  }
}

function columnsOf({ store, time, key, item }: EntryAddress, record: StoreRecord): unknown[] {
  const keyColumn = toColumn(keyBytesOf(key), record.keyText);
  return [store, time, groupOf(key), keyColumn, itemColumn(item, record)];
}

function createTables(database: Database.Database): void {
  database.exec(`
    CREATE TEMP TABLE overlay (
      store INTEGER NOT NULL, time INTEGER NOT NULL, key_group INTEGER NOT NULL,
      key NOT NULL, item NOT NULL, value,
      PRIMARY KEY (store, time, key_group, key, item)) WITHOUT ROWID;
    CREATE TEMP TABLE overlay_all (
      store INTEGER NOT NULL, key_group INTEGER NOT NULL, key NOT NULL,
      PRIMARY KEY (store, key_group, key)) WITHOUT ROWID;
  `);
}
