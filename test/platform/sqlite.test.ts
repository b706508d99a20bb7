import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  isMillraceError,
  nodePlatform,
  sqliteFailure,
  withSqliteErrors,
} from '../../src/platform/index.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const platform = nodePlatform();

describe('a database', () => {
  test('is durable at each commit: write-ahead log, synchronous FULL, full fsync', () => {
    const database = platform.openDatabase(`${temporaryDirectory()}/a.db`, { durable: true });
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(database.pragma('synchronous', { simple: true })).toBe(2);
    expect(database.pragma('fullfsync', { simple: true })).toBe(1);
    expect(database.pragma('checkpoint_fullfsync', { simple: true })).toBe(1);
    database.close();
  });

  test('does not sync where it need not be durable', () => {
    const database = platform.openDatabase(`${temporaryDirectory()}/a.db`, { durable: false });
    expect(database.pragma('synchronous', { simple: true })).toBe(0);
    database.close();
  });

  test('that is damaged is named', () => {
    const path = `${temporaryDirectory()}/a.db`;
    writeFileSync(path, 'these are not the bytes of a database, '.repeat(200));
    expect(codeOf(() => platform.openDatabase(path, { durable: true }))).toEqual(['DAMAGED', path]);
  });

  test('in a directory that is missing is named', () => {
    const path = `${temporaryDirectory()}/absent/a.db`;
    const open = (): unknown => platform.openDatabase(path, { durable: true });
    expect(codeOf(open)).toEqual(['DIRECTORY', path]);
  });

  test('whose path is a directory is named', () => {
    const path = `${temporaryDirectory()}/a.db`;
    mkdirSync(path);
    chmodSync(path, 0o700);
    const open = (): unknown => platform.openDatabase(path, { durable: true });
    expect(codeOf(open)).toEqual(['DIRECTORY', path]);
  });

  test('tells that the disk is full, and that a retry can help', () => {
    const path = `${temporaryDirectory()}/a.db`;
    const database = platform.openDatabase(path, { durable: true });
    database.exec('CREATE TABLE t (x)');
    database.pragma('max_page_count = 3');
    const fill = (): unknown =>
      withSqliteErrors(path, () =>
        database.prepare('INSERT INTO t VALUES (?)').run(Buffer.alloc(100_000)),
      );
    expect(codeOf(fill)).toEqual(['DISK_FULL', path]);
    database.close();
  });

  test('leaves errors that are not of SQLite alone', () => {
    const error = new Error('mine');
    expect(sqliteFailure('a.db', error)).toBe(error);
  });
});

describe('a lock', () => {
  test('is held by one at a time', () => {
    const path = `${temporaryDirectory()}/lock.db`;
    const [first, second] = [platform.openLock(path), platform.openLock(path)];
    expect(first.tryAcquire()).toBe(true);
    expect(second.tryAcquire()).toBe(false);
    expect(second.tryAcquire()).toBe(false);
    first.release();
    expect(second.tryAcquire()).toBe(true);
    expect(first.tryAcquire()).toBe(false);
    second.close();
    expect(first.tryAcquire()).toBe(true);
    first.close();
  });

  test('is one file, which locking does not change', () => {
    const directory = temporaryDirectory();
    const lock = platform.openLock(`${directory}/lock.db`);
    lock.tryAcquire();
    expect(readdirSync(directory)).toEqual(['lock.db']);
    const changed = platform.files.modifiedAt(`${directory}/lock.db`);
    lock.release();
    expect(platform.files.modifiedAt(`${directory}/lock.db`)).toBe(changed);
    lock.close();
  });

  test('may be opened and released twice while another holds it', () => {
    const path = `${temporaryDirectory()}/lock.db`;
    const holder = platform.openLock(path);
    holder.tryAcquire();
    const other = platform.openLock(path);
    other.release();
    expect(other.tryAcquire()).toBe(false);
    holder.release();
    holder.release();
    expect(other.tryAcquire()).toBe(true);
    holder.close();
    other.close();
  });

  test('taken twice by its holder is a bug', () => {
    const lock = platform.openLock(`${temporaryDirectory()}/lock.db`);
    lock.tryAcquire();
    expect(() => lock.tryAcquire()).toThrow('taken once at a time');
    lock.close();
  });

  test('of a killed process is free', async () => {
    const path = `${temporaryDirectory()}/lock.db`;
    const program = new URL('./hold-lock.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [program, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const lock = platform.openLock(path);
    expect(lock.tryAcquire()).toBe(false);
    expect(platform.process.isAlive(child.pid ?? 0)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(lock.tryAcquire()).toBe(true);
    expect(platform.process.isAlive(child.pid ?? 0)).toBe(false);
    lock.close();
  });
});

function codeOf(run: () => unknown): (string | undefined)[] {
  try {
    run();
  } catch (error) {
    if (isMillraceError(error)) return [error.code, /\S+\/[ab]\.db/.exec(error.message)?.[0]];
  }
  return [];
}
