/** `millrace replay` as people call it: where results go, what is told, and what is refused. */
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { job } from '../../src/dsl/index.ts';
import { type Log, openLog, replay, run } from '../../src/runtime/index.ts';
import { millrace } from '../support/millrace-command.ts';
import { counting, counts, words } from '../support/replayed-job.ts';
import { suiteDirectory } from '../support/temporary-directory.ts';

const directory = suiteDirectory();
const jobFile = join(import.meta.dirname, '../support/replayed-job.ts');
const second = (n: number) => Date.UTC(2026, 0, 1, 0, 0, n);

/** A rose each second, and a daisy in the third. */
const said = [
  ...[0, 1, 2, 3].map((n) => ({ value: 'rose', timestamp: second(n) })),
  { value: 'daisy', timestamp: second(2) },
];

async function withLog<Result>(use: (log: Log) => Promise<Result>): Promise<Result> {
  const log = await openLog(directory, { durability: 'process' });
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}

const replayed = (...args: readonly string[]) =>
  millrace('replay', jobFile, '--data', directory, '--quiet', ...args);
const consumed = async (topic: string) => {
  const [, output] = await millrace('consume', topic, '--data', directory);
  return output.trimEnd().split('\n');
};

beforeAll(() =>
  withLog(async (log) => {
    await log.createTopic(words);
    for (const record of said) await log.send(words, { key: null, ...record });
    const handle = await run(counting, { data: log, durability: 'process' });
    await handle.stop({ drain: true });
  }),
);

test('writes to topics of its own, closes all windows, and says where the results are', async () => {
  expect(await replayed()).toEqual([
    0,
    'counting: replayed: 5 records read, 4 written, 1 late\n  counts  ->  counts.replay-1\n',
    '',
  ]);
  expect(await consumed('counts.replay-1')).toEqual(Array(4).fill('rose\t1'));
  expect(await consumed('counts')).toEqual(Array(4).fill('rose\t1'));
});

test('a name that was used is used again, and holds only the new results', async () => {
  await replayed('--name', 'again');
  const [code] = await replayed('--name', 'again', '--from', '2');
  expect(code).toBe(0);
  expect(await consumed('counts.replay-again')).toEqual(['rose\t1', 'rose\t1']);
});

test.each([
  ['a time', '2026-01-01T00:00:01Z', '2026-01-01T00:00:03Z', 2],
  ['ms', `${second(1)}ms`, `${second(2)}ms`, 1],
  ['offsets', '1', '4', 3],
  ['an offset for each partition', 'words/0=3', 'words/0=5', 2],
  ['the ends', 'earliest', 'latest', 5],
])('reads from and to %s', async (_, from, to, count) => {
  const [code, output] = await replayed('--name', 'part', '--from', from, '--to', to);
  expect(code).toBe(0);
  expect(output).toContain(`replayed: ${count} records read`);
});

test('as recorded it writes what was written; that is the same is told', async () => {
  const [code, output] = await replayed('--as-recorded', '--compare', '--name', 'recorded');
  expect([code, output]).toEqual([
    0,
    expect.stringContaining('  counts and counts.replay-recorded are the same: 4 records\n'),
  ]);
});

test('the first record that differs is named, and the code says that one does', async () => {
  const [code, output] = await replayed('--compare', '--from', '2', '--name', 'other');
  expect(code).toBe(3);
  expect(output).toContain(
    '  counts, partition 0: the first record that differs is at offset 0, 0 in ' +
      'counts.replay-other: another timestamp\n',
  );
});

test('a topic of the user takes the results, if it is empty', async () => {
  const to = ['--topic', 'counts=mine'];
  expect(await replayed(...to)).toEqual([0, expect.stringContaining('counts  ->  mine'), '']);
  const [code, , errors] = await replayed(...to);
  expect([code, errors]).toEqual([
    1,
    expect.stringContaining('write to topic "mine": there are records in it. Delete it'),
  ]);
});

test.each([
  ['the live topic', ['--topic', 'counts=counts'], '"counts", which job "counting" uses itself'],
  ['a topic it reads', ['--topic', 'counts=words'], '"words", which job "counting" uses itself'],
  ['a topic unknown to the job', ['--topic', 'x=y'], 'does not write topic "x"; it writes counts'],
  ['a partition unknown to it', ['--from', 'words/1=0'], 'does not read words/1'],
  ['an end before the start', ['--from', '3', '--to', '1'], "can't begin behind its end"],
  ['a name that is none', ['--name', 'a/b'], '"a/b" can\'t be the name of a replay'],
])('refuses %s', async (_, args, message) => {
  const [code, output, errors] = await replayed(...args);
  expect([code, output, errors]).toEqual([1, '', expect.stringContaining(message)]);
});

test.each([
  [['--from', 'yesterday'], 'Use a time like 2026-01-31T12:00:00Z'],
  [['--topic', 'counts'], 'Use <topic>=<topic of the replay>.'],
  [['--as-recorded', '--from', '2'], "'--from <where>' cannot be used with option '--as-recorded'"],
])('misuse is told: %j', async (args, message) => {
  const [code, , errors] = await replayed(...args);
  expect([code, errors]).toEqual([2, expect.stringContaining(message)]);
});

test('a replay that is ended tells so, and can be repeated', () =>
  withLog(async (log) => {
    const ending = new AbortController();
    const options = { data: log, name: 'ended' } as const;
    const onProgress = () => ending.abort();
    const epoch = { epochRecords: 1 };
    const part = await replay(counting, { ...options, epoch, onProgress, signal: ending.signal });
    expect(part).toMatchObject({ isComplete: false, recordsRead: 1 });
    const whole = await replay(counting, { ...options, compare: true });
    expect(whole).toMatchObject({ isComplete: true, comparisons: [{ same: 4, differences: [] }] });
    expect(log.platform.files.list(`${directory}/replays/counting`)).toEqual([]);
  }));

test('two replays of one name are not made at once, nor records of others deleted', () =>
  withLog(async (log) => {
    const held = await log.broker.claim('counting/replay-held');
    const options = { data: log, name: 'held' };
    await expect(replay(counting, options)).rejects.toMatchObject({ code: 'TASK_HELD' });
    await log.broker.release(held);
    await log.createTopic({ name: 'counts.replay-foreign', partitions: 1 });
    await log.send({ ...words, name: 'counts.replay-foreign' }, { key: null, value: 'kept' });
    await expect(replay(counting, { data: log, name: 'foreign' })).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining('there are records in it'),
    });
  }));

test('where a record fails, so does the replay, and says what to do', () =>
  withLog(async (log) => {
    const failing = job('counting', ({ from }) =>
      from(words)
        .filter((word) => {
          if (word === 'daisy') throw new Error('no daisies');
          return true;
        })
        .map((word) => word.length)
        .to(counts),
    );
    await expect(replay(failing, { data: log, name: 'failing' })).rejects.toMatchObject({
      code: 'USER_FUNCTION',
      message: expect.stringMatching(
        /no daisies \(topic words, partition 0, offset 4.+After the fix replay again: it begins anew\.$/,
      ),
    });
  }));
