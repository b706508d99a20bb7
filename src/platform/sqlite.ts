/**
 * SQLite, opened so that it keeps what Millrace promises: write-ahead log, and at each commit a
 * real sync where the database is durable. better-sqlite3 opens such databases with
 * synchronous=NORMAL, which loses the last commits in a power cut; so every setting is read back.
 *
 * Nothing else opens a .db file: closing any other descriptor of it would drop SQLite's locks for
 * the whole process.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import type Database from 'better-sqlite3';
import { assert, MillraceError, messageOf } from './errors.ts';
import { diskFull, fileFailure, syncFailure } from './io-errors.ts';
import { checkNodeVersion } from './node-version.ts';
import { usersOfFile } from './users-of-file.ts';

/**
 * How long a statement waits for another connection, in ms. It waits asleep: the whole process
 * stands still.
 */
const busyTimeoutMs = 1000;

type Settings = Readonly<Record<string, string | number>>;

const durableSettings: Settings = {
  journal_mode: 'wal',
  synchronous: 2, // FULL
  fullfsync: 1, // macOS: fsync alone leaves the bytes in the disk's own cache
  checkpoint_fullfsync: 1,
};
// synchronous first: the change to the write-ahead log would sync by itself
const processSettings: Settings = { synchronous: 0, journal_mode: 'wal' };

/** Fails with `IO`, `DISK_FULL`, `DAMAGED`, `DIRECTORY` or `LOCK_TIMEOUT`. */
export function openDatabase(
  path: string,
  options: { readonly durable: boolean },
): Database.Database {
  return withSqliteErrors(path, () => {
    const database = new (loadSqlite())(path, { timeout: busyTimeoutMs });
    try {
      applySettings(database, options.durable ? durableSettings : processSettings);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/**
 * A connection that writes nothing but SQLite's own locks: for a database that others may be
 * writing. Undefined where there is no file. Fails as `openDatabase` does.
 */
export function openDatabaseReadOnly(path: string): Database.Database | undefined {
  if (!fs.existsSync(path)) return undefined;
  return withSqliteErrors(
    path,
    () => new (loadSqlite())(path, { readonly: true, timeout: busyTimeoutMs }),
  );
}

/** A database that is nowhere but in memory. */
export function openDatabaseInMemory(): Database.Database {
  return new (loadSqlite())(':memory:');
}

/** A database of this connection alone: on the disk where it is large, and gone with it. */
export function openDatabaseForNow(): Database.Database {
  return new (loadSqlite())('');
}

/** Pages that are copied in one turn of the event loop: 2 MiB. */
const copyPages = 512;

/** `Platform.copyDatabase`. Nothing has the copy open, so that syncing it drops no locks. */
export async function copyDatabase(database: Database.Database, path: string): Promise<void> {
  try {
    await database.backup(path, { progress: () => copyPages });
  } catch (error) {
    throw sqliteFailure(path, error);
  }
  const descriptor = openCopy(path);
  try {
    fs.fsyncSync(descriptor);
  } catch (error) {
    throw syncFailure(path, error);
  } finally {
    fs.closeSync(descriptor);
  }
}

function openCopy(path: string): number {
  try {
    return fs.openSync(path, 'r+');
  } catch (error) {
    throw fileFailure('open', path, error);
  }
}

/**
 * better-sqlite3, loaded on first use and after the check: on an old Node.js loading it ends the
 * process.
 */
export function loadSqlite(): typeof Database {
  checkNodeVersion(process.versions.node);
  return createRequire(import.meta.url)('better-sqlite3') as typeof Database; // require is untyped
}

/** Runs something on the database at `path`; what SQLite throws becomes a MillraceError. */
export function withSqliteErrors<Result>(path: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw sqliteFailure(path, error);
  }
}

/** The MillraceError for what SQLite threw; anything else as it is. */
export function sqliteFailure(path: string, error: unknown): unknown {
  const code = sqliteCodeOf(error);
  if (code === undefined) return error;
  if (code === 'SQLITE_FULL') return diskFull('write to', path, error);
  const [failure = otherFailure] = failures.filter(({ codes }) => codes.test(code));
  const retryable = failure.code === 'LOCK_TIMEOUT';
  const users = retryable ? usersOfFile(path) : [];
  const open = users.length === 0 ? '' : ` It is open in ${users.join(', ')}.`;
  const message = `${path}: ${failure.says} (${code}: ${messageOf(error)}).${open}`;
  return new MillraceError(failure.code, `${message} ${failure.remedy}`, {
    cause: error,
    retryable,
  });
}

/** The extended result code, such as `SQLITE_IOERR_FSYNC`; undefined for what isn't SQLite's. */
export function sqliteCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'SqliteError' && 'code' in error) return String(error.code);
  const noDirectory = error.message.includes('directory does not exist');
  return error instanceof TypeError && noDirectory ? 'SQLITE_CANTOPEN' : undefined;
}

const failures = [
  {
    codes: /^SQLITE_(CORRUPT|NOTADB|IOERR_CORRUPTFS)/,
    code: 'DAMAGED',
    says: 'the database is damaged',
    remedy:
      'Restore the whole directory from a backup. State of a job can also be computed anew from ' +
      'the log (--rebuild-state).',
  },
  {
    codes: /^SQLITE_(READONLY|CANTOPEN|PERM|AUTH)/,
    code: 'DIRECTORY',
    says: 'the database cannot be opened for writing',
    remedy: 'Check that the directory exists and that this user may write there.',
  },
  {
    codes: /^SQLITE_(BUSY|LOCKED)/,
    code: 'LOCK_TIMEOUT',
    says: 'another process keeps the database locked',
    remedy: 'Try again, or end that process.',
  },
] as const;

const otherFailure = {
  code: 'IO',
  says: 'SQLite failed',
  remedy: 'Look at the disk before anything else.',
} as const;

function applySettings(database: Database.Database, settings: Settings): void {
  for (const [name, value] of Object.entries(settings)) {
    database.pragma(`${name} = ${value}`);
    const holds = database.pragma(name, { simple: true });
    assert(holds === value, `SQLite keeps ${name} = ${value} (it says ${String(holds)})`);
  }
}
