/**
 * A state file that is missing, damaged, old or from elsewhere is refused, and the refusal names
 * `--rebuild-state`; with it the state is what it was, the refused file is kept, and the job goes on.
 */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Broker, openBroker } from '../../src/broker/index.ts';
import { count, job, topic } from '../../src/dsl/index.ts';
import { json, string } from '../../src/formats/index.ts';
import { nodePlatform } from '../../src/platform/index.ts';
import { openDatabase } from '../../src/platform/sqlite.ts';
import { dropState, type JobHandle, run } from '../../src/runtime/index.ts';
import { appendOf, readAll } from '../contracts/broker.ts';
import { dumpState, type StateDump } from '../support/state-dump.ts';
import { suiteDirectory } from '../support/temporary-directory.ts';

const root = suiteDirectory();
const platform = nodePlatform();
afterAll(() => platform.background.close());

const words = { topic: 'words', partition: 0 };
const counts = { topic: 'counts', partition: 0 };
const changelog = { topic: '__counting-0-changelog', partition: 0 };
const counting = job('counting', ({ from }) => {
  from(topic('words', { key: string(), value: string() }), { quietAfter: 'off' })
    .keyBy((word) => word)
    .aggregate({ n: count() })
    .map(({ n }) => n)
    .to(topic('counts', { key: json<string>(), value: json<number>() }));
});
const state = 'state/counting/counting-0.db';
const path = (directory: string) => join(directory, state);

const wordsEach = 300;

function openIn(directory: string): Promise<Broker> {
  const log = { durability: 'process', journalFileBytes: 256 * 1024 } as const;
  return openBroker(platform, directory, log);
}

function start(broker: Broker, directory: string, rebuildState = false): Promise<JobHandle> {
  const options = { broker, platform, stateDirectory: directory, durability: 'process' } as const;
  return run(counting, { ...options, foldIntervalMs: 1, rebuildState });
}

/** Counts each word once more, and folds. */
async function work(directory: string, times: number): Promise<void> {
  const broker = await openIn(directory);
  if (broker.describeTopic('words') === undefined) await broker.createTopic('words');
  const handle = await start(broker, directory);
  for (let i = 0; i < times; i++) await appendWords(broker);
  await folded(broker);
  await handle.stop();
  await broker.close();
}

/** Resolves when everything is counted, and folded. */
async function folded(broker: Broker): Promise<void> {
  const isDone = () =>
    broker.describeTopic(counts.topic) !== undefined &&
    broker.describeTopic(changelog.topic) !== undefined &&
    broker.endOf(counts) === broker.endOf(words) &&
    broker.startOf(changelog) === broker.endOf(changelog);
  while (!isDone()) await new Promise(setImmediate);
}

async function appendWords(broker: Broker): Promise<void> {
  const values = Array.from({ length: wordsEach }, (_, i) => `word ${i} ${'x'.repeat(60)}`);
  await broker.append([appendOf(words, values)]);
}

const [now, earlier, other] = ['now', 'earlier', 'other'].map((name) => join(root, name)) as [
  string,
  string,
  string,
];
beforeAll(async () => {
  await work(earlier, 1);
  cpSync(earlier, now, { recursive: true });
  await work(now, 1);
  await work(other, 1);
});

let copies = 0;

function changedCopy(change: (directory: string) => void): string {
  const directory = join(root, `copy-${copies++}`);
  cpSync(now, directory, { recursive: true });
  change(directory);
  return directory;
}

async function refusalOf(directory: string): Promise<{ code: string; message: string }> {
  const broker = await openIn(directory);
  try {
    const handle = await start(broker, directory);
    return await handle.stop().then(
      () => ({ code: 'taken', message: '' }),
      (error) => error,
    );
  } finally {
    await broker.close();
  }
}

function edit(change: (bytes: Buffer) => void) {
  return (directory: string) => {
    const bytes = readFileSync(path(directory));
    change(bytes);
    writeFileSync(path(directory), bytes);
  };
}

const editMeta = (sql: string) => (directory: string) => {
  const database = openDatabase(path(directory), { durable: false });
  database.exec(sql);
  database.close();
};

/** The write-ahead log of another file lies beside where the state file was. */
function leaveForeignLog(directory: string): void {
  const database = openDatabase(join(directory, 'foreign.db'), { durable: false });
  database.exec(
    'CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT); INSERT INTO meta VALUES (1, 1)',
  );
  cpSync(join(directory, 'foreign.db-wal'), `${path(directory)}-wal`);
  database.close();
  rmSync(path(directory));
}

const cases: [what: string, change: (directory: string) => void, isKept: boolean, code: string][] =
  [
    ['missing', (directory) => rmSync(path(directory)), false, 'FILE_MISMATCH'],
    [
      'a little older',
      (directory) => cpSync(path(earlier), path(directory)),
      true,
      'FILE_MISMATCH',
    ],
    [
      "another directory's",
      (directory) => cpSync(path(other), path(directory)),
      true,
      'FILE_MISMATCH',
    ],
    ['no database', edit((bytes) => bytes.fill(0x78)), true, 'DAMAGED'],
    [
      'of a newer format',
      editMeta("UPDATE meta SET value = 3 WHERE key = 'format'"),
      true,
      'DIRECTORY',
    ],
    [
      'opened by a later incarnation than the log knows',
      editMeta("UPDATE meta SET value = 99 WHERE key = 'incarnation'"),
      true,
      'FENCED',
    ],
    [
      'newer than the log',
      editMeta("UPDATE meta SET value = 1000000 WHERE key = 'folding_through'"),
      true,
      'FILE_MISMATCH',
    ],
    ["missing, with another one's write-ahead log", leaveForeignLog, false, 'FILE_MISMATCH'],
  ];

describe('a state file that is', () => {
  test.each(cases)('%s is refused, and rebuilt on demand', async (_, change, isKept, code) => {
    const directory = changedCopy(change);
    const refused = existsSync(path(directory)) ? readFileSync(path(directory)) : undefined;
    expect(await refusalOf(directory)).toMatchObject({
      code,
      message: expect.stringMatching(/comput\w* (the state )?anew .*\(--rebuild-state\)/),
    });
    await expectRebuilt(directory, isKept ? refused : undefined);
  });

  test('damaged in one page is found by reading all of it', async () => {
    const pages = readFileSync(path(now)).length / 4096;
    expect(pages).toBeGreaterThan(10);
    const damage = edit((bytes) => bytes.fill(0, 4096 * (pages - 3), 4096 * (pages - 2)));
    const directory = changedCopy(damage);
    await expectRebuilt(directory, readFileSync(path(directory)));
  });

  test('as it should be is left as it is', async () => {
    const directory = changedCopy(() => {});
    const broker = await openIn(directory);
    const handle = await start(broker, directory, true);
    await handle.stop({ drain: true });
    expect(handle.status().rebuild).toBeUndefined();
    await broker.close();
  });
});

/** `refused`: what is kept of the old file. */
async function expectRebuilt(directory: string, refused: Buffer | undefined): Promise<void> {
  const broker = await openIn(directory);
  const handle = await start(broker, directory, true);
  await appendWords(broker);
  await handle.stop({ drain: true });
  expect(handle.errors).toEqual([]);
  const { rebuild } = handle.status();
  expect(rebuild).toMatchObject({ done: true, commits: rebuild?.total });
  if (refused === undefined) expect(rebuild?.replaced).toBeUndefined();
  else expect(readFileSync(rebuild?.replaced ?? '')).toHaveLength(refused.length);
  const written = readAll(broker, counts).map(Number);
  expect(written).toEqual([1, 2, 3].flatMap((n) => Array(wordsEach).fill(n)));
  await broker.close();
  expect(existsSync(`${path(directory)}-wal`)).toBe(false);
}

test.each([
  ['as it was', () => Promise.resolve()],
  [
    'with some of it dropped in between',
    async (directory: string) => {
      const dropped = await dropState(directory, 'aggregate-of-words-keyed-1', { platform });
      expect(dropped).toContain('aggregate-of-words-keyed-1/accumulator');
      await work(directory, 1);
      const broker = await openIn(directory);
      expect(readAll(broker, counts).slice(2 * wordsEach)).toEqual(Array(wordsEach).fill('1'));
      await broker.close();
    },
  ],
])('the state that is rebuilt is the state that was lost, %s', async (_, change) => {
  const directory = changedCopy(() => {});
  await change(directory);
  const before = await stateIn(directory);
  rmSync(path(directory));
  const broker = await openIn(directory);
  const handle = await start(broker, directory, true);
  await handle.stop({ drain: true });
  expect(handle.status().rebuild?.done).toBe(true);
  await broker.close();
  expect(await stateIn(directory)).toEqual(before);
});

async function stateIn(directory: string): Promise<StateDump> {
  const broker = await openIn(directory);
  try {
    return dumpState(broker, platform, 'counting', directory);
  } finally {
    await broker.close();
  }
}
