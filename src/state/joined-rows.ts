/**
 * The state of several tasks as that of one: rows of all of them, copied into one table.
 *
 * SQLite attaches ten databases at most, and can't ask another connection by key. In one table what
 * is asked for is found by its key, and joined, as in the state of one task.
 */
import type Database from 'better-sqlite3';
import type { StoreRecord } from './change.ts';
import { onlyKeyFormat } from './only-key.ts';
import { Overlay, rowColumns } from './overlay.ts';

/** The state of one of the tasks. */
export interface StatePart {
  readonly database: Database.Database;
  readonly overlay: Overlay;
}

/**
 * Copies rows of `parts` into `database`, which must be empty: of each store of each part as many
 * as `rowsMaxOf` says. What has no key, as broadcast state, is the same in each task: that of the
 * first one is taken. Stores that are recorded otherwise in some tasks, as while a job migrates its
 * state, are different ones.
 */
export function joinRows(
  database: Database.Database,
  parts: readonly StatePart[],
  rowsMaxOf: (record: StoreRecord) => number,
): Overlay {
  createTable(database);
  const stores = new JoinedStores();
  const put = database.prepare('INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)');
  database.exec('BEGIN');
  for (const [task, { database: from, overlay }] of parts.entries()) {
    for (const [number, record] of overlay.stores) {
      const store = stores.add(record);
      if (store === undefined) continue;
      const limit = Math.min(rowsMaxOf(record), Number.MAX_SAFE_INTEGER);
      const rows = from.prepare(
        `SELECT ${rowColumns} FROM (${overlay.rowsOf(number)}) LIMIT ${limit}`,
      );
      // Whole numbers as bigint, or they would become floating-point ones on their way.
      for (const row of rows.raw().safeIntegers().iterate()) {
        put.run(store, ...(row as unknown[]), task); // raw gives arrays
      }
    }
  }
  database.exec('COMMIT');
  return new Overlay(database, stores.records, []);
}

class JoinedStores {
  readonly records = new Map<number, StoreRecord>();
  readonly #numbers = new Map<string, number>();

  /** Its number; undefined for what is there already. */
  add(record: StoreRecord): number | undefined {
    const identity = JSON.stringify(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
    const known = this.#numbers.get(identity);
    if (known !== undefined) return record.keyCodec === onlyKeyFormat.name ? undefined : known;
    const number = this.#numbers.size + 1;
    this.#numbers.set(identity, number);
    this.records.set(number, record);
    return number;
  }
}

/** As the entries of a state file, which tasks may have under one key. */
function createTable(database: Database.Database): void {
  database.exec(`
    CREATE TABLE entries (
      store INTEGER NOT NULL, time INTEGER NOT NULL, key_group INTEGER NOT NULL,
      key NOT NULL, item NOT NULL, value NOT NULL, task INTEGER NOT NULL,
      PRIMARY KEY (store, time, key_group, key, item, task)) WITHOUT ROWID;
  `);
}
