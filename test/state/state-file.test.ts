import { statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/platform/sqlite.ts';
import { foldInSlices, type StateFile } from '../../src/state/index.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { Changelog, finish, identity, keyOf, openStateFile, openStores } from './changelog.ts';

const [a, b] = ['a', 'b'].map(keyOf) as [string, string];

/** A file that is claimed by incarnation 1. */
function newFile(): { readonly path: string; readonly file: StateFile } {
  const path = `${temporaryDirectory()}/counting-0.db`;
  const file = openStateFile(path);
  file.claim(1);
  return { path, file };
}

/** A changelog with entries of all kinds, in two commits. */
function filledChangelog(): Changelog {
  const changelog = new Changelog();
  const { state, keyed, timed, list, map } = openStores(changelog, undefined);
  list.add(b, 'gone');
  list.add(a, 'gone');
  map.put(a, 'x', 1);
  keyed.put(a, { total: 1 });
  keyed.put(b, 'ü');
  timed.put(-7, a, [1]);
  changelog.append(state);
  list.clear(a);
  list.add(a, 'first');
  list.add(a, 'second');
  list.clear(b);
  keyed.delete(a);
  timed.put(8.64e15, b, 2);
  changelog.append(state);
  return changelog;
}

/** What any SQLite tool shows. */
function rowsOf(path: string, table: 'entries' | 'stores'): unknown[] {
  const database = openDatabase(path, { durable: false });
  try {
    return database.prepare(`SELECT * FROM ${table}`).raw().all();
  } finally {
    database.close();
  }
}

describe('a state file', () => {
  test('is opened so that a commit of it survives a power cut', () => {
    const database = openDatabase(`${temporaryDirectory()}/counting-0.db`, { durable: true });
    const setting = (name: string) => database.pragma(name, { simple: true });
    expect(setting('journal_mode')).toBe('wal');
    expect(setting('synchronous')).toBe(2);
    expect(setting('fullfsync')).toBe(1);
    expect(setting('checkpoint_fullfsync')).toBe(1);
    database.close();
  });

  test('holds each entry as it was last, as text where the codec writes text', () => {
    const { path, file } = newFile();
    const changelog = filledChangelog();
    finish(changelog.fold(file));
    expect(file.foldedOffset).toBe(changelog.end);
    file.close();
    expect(rowsOf(path, 'entries')).toEqual([
      [1, 0, 1, 'b', '', '"ü"'],
      [2, -7, 1, Buffer.from('a'), '', Buffer.from('[1]')],
      [2, 8.64e15, 1, Buffer.from('b'), '', Buffer.from('2')],
      [3, 0, 1, Buffer.from('a'), 0, '"first"'],
      [3, 0, 1, Buffer.from('a'), 1, '"second"'],
      [4, 0, 1, 'a', 'x', '1'],
    ]);
    expect(rowsOf(path, 'stores')).toEqual([
      [1, 'step/keyed', 'value', 'string', 1, '', 1, 'json', 1, '', 1, 1, 1, null],
      [2, 'step/timed', 'timed', 'bytes', 0, '', 1, 'json', 0, '', 1, 1, 1, null],
      [3, 'step/list', 'list', 'bytes', 0, 'index', 0, 'json', 1, '', 1, 1, 1, null],
      [4, 'step/map', 'map', 'string', 1, 'string', 1, 'json', 1, '', 1, 1, 1, null],
    ]);
  });

  test.each([
    ['directory', { ...identity, directoryId: 'directory-2' }, 'directory directory-1'],
    ['task', { ...identity, task: 'summing-0' }, 'state of task "counting-0"'],
  ])('of another %s is refused', (_, other, says) => {
    const { path, file } = newFile();
    file.close();
    const opening = () => openStateFile(path, other);
    expect(opening).toThrow(expect.objectContaining({ code: 'FILE_MISMATCH' }));
    expect(opening).toThrow(says);
    openStateFile(path).close();
  });

  test('of another format is refused', () => {
    const { path, file } = newFile();
    file.close();
    const database = openDatabase(path, { durable: false });
    database.exec("UPDATE meta SET value = '3' WHERE key = 'format'");
    database.close();
    expect(() => openStateFile(path)).toThrow(
      expect.objectContaining({ code: 'DIRECTORY', message: expect.stringContaining('format 3') }),
    );
  });
});

describe('the size of a state file', () => {
  test('does not grow with what comes and goes: free pages are used again', () => {
    const { file } = newFile();
    const changelog = new Changelog();
    const { state, timed } = openStores(changelog, file);
    const sizes = Array.from({ length: 12 }, (_, round) => {
      for (let i = 0; i < 500; i++) timed.put(round, keyOf(`key-${i}`), 'x'.repeat(100));
      changelog.append(state);
      finish(changelog.fold(file));
      for (let i = 0; i < 500; i++) timed.delete(round, keyOf(`key-${i}`));
      changelog.append(state);
      finish(changelog.fold(file));
      return file.bytes;
    });
    expect(sizes[0]).toBeGreaterThan(50_000);
    expect(sizes.at(-1)).toBe(sizes[1]);
    file.close();
  });

  test('of its write-ahead log falls back once nobody reads what is old', () => {
    const { path, file } = newFile();
    const reader = openDatabase(path, { durable: false });
    reader.exec('BEGIN');
    reader.prepare('SELECT * FROM entries').all();
    let writes = 0;
    const write = (bytes: number) => {
      file.database
        .prepare('INSERT OR REPLACE INTO entries VALUES (1, 0, 0, 1, 1, ?)')
        .run(Buffer.alloc(bytes, ++writes)); // the same again would write nothing
      return [file.walBytes, statSync(`${path}-wal`).size];
    };
    const mib = 2 ** 20;
    const long = write(70 * mib);
    expect(Math.min(...long)).toBeGreaterThan(70 * mib);
    expect(file.emptyWal()).toBe(false);
    expect(Math.min(...write(1))).toBeGreaterThan(70 * mib);
    reader.close();
    write(1); // moves it into the tables
    const [inUse = 0, size = 0] = write(1);
    expect(inUse).toBeLessThan(mib);
    expect(size).toBeLessThan(65 * mib);
    expect(file.emptyWal()).toBe(true);
    expect([file.walBytes, statSync(`${path}-wal`).size]).toEqual([0, 0]);
    file.close();
  });
});

describe('a fold', () => {
  test('in slices writes all of it, and says that it is done with the last slice', () => {
    const { file } = newFile();
    const changelog = filledChangelog();
    const fold = changelog.fold(file, 1, 1);
    let slices = 1;
    while (fold.next().done !== true) {
      slices++;
      expect([file.foldedOffset, file.foldingThrough]).toEqual([0, changelog.end]);
    }
    expect(slices).toBe(8); // of what was cleared and its elements, the last word
    expect([file.foldedOffset, file.foldingThrough]).toEqual([changelog.end, changelog.end]);
    file.close();
  });

  test.each([1, 2, 3, 4, 5])('that ends after slice %i is mended by the changelog', (slices) => {
    const { path, file } = newFile();
    const changelog = filledChangelog();
    const fold = changelog.fold(file, 1, 1);
    for (let i = 0; i < slices; i++) expect(fold.next().done).toBe(false);
    file.close();
    const again = openStateFile(path);
    again.claim(2);
    const { state, keyed, timed, list, map } = openStores(changelog, again);
    expect([[...list.values(a)], [...list.values(b)]]).toEqual([['first', 'second'], []]);
    expect(map.get(a, 'x')).toBe(1);
    expect([keyed.get(a), keyed.get(b)]).toEqual([undefined, 'ü']);
    expect([timed.get(-7, a), timed.get(8.64e15, b)]).toEqual([[1], 2]);
    expect(state.takeChanges(() => {})).toBe(0);
    finish(changelog.fold(again, 2));
    expect(again.foldedOffset).toBe(changelog.end);
    again.close();
  });

  test.each([1, 2, 3, 4])('of many removed rows may end after slice %i of them', (slices) => {
    const { path, file } = newFile();
    const changelog = new Changelog();
    const first = openStores(changelog, file);
    for (let i = 0; i < 2500; i++) first.list.add(a, i);
    first.list.add(b, 'kept');
    changelog.append(first.state);
    finish(changelog.fold(file));
    first.list.clear(a);
    first.list.add(a, 'new');
    changelog.append(first.state);
    const fold = changelog.fold(file, 1, 1);
    for (let i = 0; i < slices; i++) expect(fold.next().done).toBe(false);
    const left = rowsOf(path, 'entries').length;
    expect(left).toBe([2501, 1501, 501, 1, 2][slices]);
    file.close();
    const again = openStateFile(path);
    again.claim(2);
    const { list } = openStores(changelog, again);
    expect([[...list.values(a)], [...list.values(b)]]).toEqual([['new'], ['kept']]);
    finish(changelog.fold(again, 2));
    expect(rowsOf(path, 'entries')).toHaveLength(2);
    again.close();
  });

  test('goes on after a write lock of somebody else, with nothing left out', () => {
    const { path, file } = newFile();
    const changelog = filledChangelog();
    const writer = openDatabase(path, { durable: false });
    file.neverWait();
    const fold = changelog.fold(file, 1, 1);
    const slices = Array.from({ length: 8 }, () => {
      writer.exec('BEGIN IMMEDIATE');
      const locked = fold.next();
      writer.exec('ROLLBACK');
      return [locked.value, fold.next().value];
    });
    expect(slices.slice(0, -1)).toEqual(Array.from({ length: 7 }, () => ['locked', 'written']));
    expect(slices.at(-1)).toEqual(['locked', undefined]);
    expect(file.foldedOffset).toBe(changelog.end);
    const { path: other, file: unlocked } = newFile();
    finish(changelog.fold(unlocked));
    expect(rowsOf(path, 'entries')).toEqual(rowsOf(other, 'entries'));
    for (const each of [writer, file, unlocked]) each.close();
  });

  test('that ends before one that was begun does not hide how far that had come', () => {
    const { file } = newFile();
    const changelog = filledChangelog();
    changelog.fold(file, 1, 1).next();
    const range = { from: 0, through: 3, incarnation: 1 };
    finish(foldInSlices(file, changelog.changes.slice(0, 3), range, 1e9));
    expect([file.foldedOffset, file.foldingThrough]).toEqual([3, changelog.end]);
    file.close();
  });

  test('of nothing moves nothing but the offset', () => {
    const { path, file } = newFile();
    finish(foldInSlices(file, [], { from: 0, through: 3, incarnation: 1 }, 10));
    expect([file.foldedOffset, file.foldingThrough]).toEqual([3, 3]);
    file.close();
    expect(rowsOf(path, 'entries')).toEqual([]);
  });

  test.each([-1, 1])('that does not begin where the last one ended (by %i) is refused', (by) => {
    const { path, file } = newFile();
    const changelog = filledChangelog();
    finish(changelog.fold(file));
    const before = rowsOf(path, 'entries');
    const range = { from: changelog.end + by, through: changelog.end + 2, incarnation: 1 };
    const fold = foldInSlices(file, changelog.changes.slice(0, 2), range, 1e9);
    expect(() => fold.next()).toThrow(expect.objectContaining({ code: 'FILE_MISMATCH' }));
    expect([file.foldedOffset, file.foldingThrough]).toEqual([changelog.end, changelog.end]);
    file.close();
    expect(rowsOf(path, 'entries')).toEqual(before);
  });

  test('of a task that was taken over changes nothing, between any two slices', () => {
    for (const slices of [0, 1, 2, 3, 4, 5]) {
      const { path, file } = newFile();
      const changelog = filledChangelog();
      const zombie = changelog.fold(file, 1, 1);
      for (let i = 0; i < slices; i++) zombie.next();
      const successor = openStateFile(path);
      successor.claim(2);
      finish(changelog.fold(successor, 2));
      const before = rowsOf(path, 'entries');
      expect(() => zombie.next()).toThrow(expect.objectContaining({ code: 'FENCED' }));
      expect(rowsOf(path, 'entries')).toEqual(before);
      expect(successor.foldedOffset).toBe(changelog.end);
      expect(() => file.claim(1)).toThrow(expect.objectContaining({ code: 'FENCED' }));
      file.close();
      successor.close();
    }
  });

  test('of a store that was never declared is refused', () => {
    const { file } = newFile();
    const changelog = filledChangelog();
    const fold = foldInSlices(
      file,
      changelog.changes.slice(4), // without the declarations
      { from: 0, through: changelog.end, incarnation: 1 },
      1e9,
    );
    expect(() => fold.next()).toThrow(expect.objectContaining({ code: 'DAMAGED' }));
    expect(file.foldedOffset).toBe(0);
    file.close();
  });
});
