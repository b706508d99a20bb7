/**
 * Which old key each new one comes from, and the same of items, so that no two become one. They lie
 * in a temporary table, which SQLite keeps in a file: there may be more than memory holds.
 */
import type Database from 'better-sqlite3';

export class Origins {
  readonly #database: Database.Database;
  readonly #note: Database.Statement;
  readonly #find: Database.Statement;

  constructor(database: Database.Database) {
    this.#database = database;
    database.exec(`
      CREATE TEMP TABLE origins (
        scope TEXT NOT NULL, key BLOB NOT NULL, item BLOB NOT NULL, origin BLOB NOT NULL,
        PRIMARY KEY (scope, key, item)) WITHOUT ROWID;
    `);
    this.#note = database.prepare('INSERT OR IGNORE INTO temp.origins VALUES (?, ?, ?, ?)');
    this.#find = database
      .prepare('SELECT origin FROM temp.origins WHERE scope = ? AND key = ? AND item = ?')
      .pluck();
  }

  /** Notes where a key or item comes from; returns another origin that it had before. */
  note(scope: string, key: Buffer, item: Buffer, origin: Buffer): Buffer | undefined {
    if (this.#note.run(scope, key, item, origin).changes > 0) return undefined;
    const first = this.#find.get(scope, key, item) as Buffer; // a BLOB
    return first.equals(origin) ? undefined : first;
  }

  close(): void {
    this.#database.exec('DROP TABLE temp.origins');
  }
}
