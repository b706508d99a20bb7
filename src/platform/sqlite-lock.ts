/**
 * A lock between processes: BEGIN IMMEDIATE on an SQLite database that holds nothing else.
 *
 * SQLite, because it locks in the way of each operating system, and the system frees the lock of a
 * dead process. The transaction is rolled back with nothing written: no I/O but the locking. A
 * rollback journal instead of a write-ahead log keeps it to one file. SQLite's own waiting is off,
 * for it sleeps and is not fair; callers wait as they see fit.
 */
import type Database from 'better-sqlite3';
import { assert } from './errors.ts';
import type { ProcessLock } from './platform.ts';
import { loadSqlite, sqliteCodeOf, withSqliteErrors } from './sqlite.ts';

/** Fails with `IO`, `DISK_FULL`, `DAMAGED` or `DIRECTORY`. */
export function openSqliteLock(path: string): ProcessLock {
  return withSqliteErrors(path, () => new SqliteLock(path));
}

class SqliteLock implements ProcessLock {
  readonly #path: string;
  readonly #database: Database.Database;
  readonly #begin: Database.Statement;
  readonly #rollback: Database.Statement;
  #held = false;

  constructor(path: string) {
    this.#path = path;
    this.#database = new (loadSqlite())(path, { timeout: 0 });
    try {
      initialise(this.#database);
      this.#begin = this.#database.prepare('BEGIN IMMEDIATE');
      this.#rollback = this.#database.prepare('ROLLBACK');
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  tryAcquire(): boolean {
    assert(!this.#held, `the lock ${this.#path} is taken once at a time`);
    this.#held = withSqliteErrors(this.#path, () => succeedsUnlessBusy(() => this.#begin.run()));
    return this.#held;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    withSqliteErrors(this.#path, () => this.#rollback.run());
  }

  close(): void {
    this.#held = false; // closing rolls back
    this.#database.close();
  }
}

/**
 * BEGIN IMMEDIATE on an empty file would write its first page each time. Who is busy here is just
 * doing the same.
 */
function initialise(database: Database.Database): void {
  succeedsUnlessBusy(() => {
    if (database.pragma('user_version', { simple: true }) === 0)
      database.pragma('user_version = 1');
  });
}

/** A stack trace for each time that the lock is busy would cost more than asking for the lock. */
function succeedsUnlessBusy(run: () => void): boolean {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    run();
    return true;
  } catch (error) {
    if (sqliteCodeOf(error)?.startsWith('SQLITE_BUSY') === true) return false;
    throw error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
