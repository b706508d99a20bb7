/** Copies of databases that are in use. */
import { statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nodePlatform } from '../../src/platform/index.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const rows = 3000;

test('a copy is as of the read transaction, whatever is committed meanwhile', async () => {
  const directory = temporaryDirectory();
  const platform = nodePlatform();
  const open = (path: string) => platform.openDatabase(path, { durable: false });
  const writer = open(`${directory}/a.db`);
  writer.exec('CREATE TABLE t (i INTEGER PRIMARY KEY, x BLOB)');
  const insert = writer.prepare('INSERT INTO t (x) VALUES (randomblob(3000))');
  const fill = writer.transaction(() => {
    for (let i = 0; i < rows; i++) insert.run();
  });
  fill();
  const reader = open(`${directory}/a.db`);
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM t').get();
  insert.run(); // behind the pin, before the copy

  let isCopied = false;
  const copying = platform.copyDatabase(reader, `${directory}/copy.db`).then(() => {
    isCopied = true;
  });
  let commits = 0;
  while (!isCopied) {
    writer.exec('UPDATE t SET x = randomblob(3000) WHERE i % 100 = 7');
    commits++;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  await copying;
  expect(commits).toBeGreaterThan(3); // it is copied in pieces
  expect(statSync(`${directory}/copy.db`).size).toBeGreaterThan(rows * 3000);

  const copy = open(`${directory}/copy.db`);
  const sums = 'SELECT count(*) AS n, sum(unicode(hex(x))) AS x FROM t';
  expect(copy.prepare(sums).get()).toEqual(reader.prepare(sums).get());
  expect(copy.prepare('SELECT count(*) FROM t').pluck().get()).toBe(rows);
  expect(copy.pragma('integrity_check', { simple: true })).toBe('ok');
  for (const database of [writer, reader, copy]) database.close();
});

test('a copy into a directory that is missing is refused with what helps', async () => {
  const directory = temporaryDirectory();
  const platform = nodePlatform();
  const database = platform.openDatabase(`${directory}/a.db`, { durable: false });
  await expect(platform.copyDatabase(database, `${directory}/no/copy.db`)).rejects.toMatchObject({
    code: 'DIRECTORY',
    message: expect.stringContaining(`${directory}/no/copy.db`),
  });
  database.close();
});
