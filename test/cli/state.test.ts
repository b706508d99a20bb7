/** `millrace state inspect` and `state drop`, and what the job does after a drop. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  count,
  dropState,
  inspectState,
  type Job,
  type JobHandle,
  job,
  json,
  keyJson,
  type Log,
  map,
  openLog,
  run,
  string,
  topic,
  tumbling,
  value,
} from '../../src/index.ts';
import { millrace } from '../support/millrace-command.ts';
import { suiteDirectory } from '../support/temporary-directory.ts';

const words = topic('words', { key: string(), value: string() });
const counts = topic('counts', { key: keyJson<string>(), value: json<unknown>() });

interface Steps {
  readonly totals?: boolean;
  readonly windows?: boolean;
}

const counting = ({ totals = true, windows = true }: Steps = {}) =>
  job('counting', ({ from }) => {
    const byWord = from(words, { quietAfter: 'off' }).keyBy((word) => word);
    if (totals) byWord.aggregate({ n: count() }, { name: 'totals' }).to(counts);
    if (windows)
      byWord.window(tumbling('1h')).aggregate({ n: count() }, { name: 'hourly' }).to(counts);
    byWord
      .process({
        name: 'seen',
        state: { last: value<string>({ ttl: '1d' }), times: map<string, number>() },
        onRecord(word, { state }) {
          state.last.set(word);
          state.times.update(word, (n = 0) => n + 1);
          return [state.times.get(word)];
        },
      })
      .to(counts);
  });

const directory = suiteDirectory();
let log: Log;
let handle: JobHandle | undefined;

async function start(of: Job): Promise<JobHandle> {
  handle = await run(of, { data: log, durability: 'process' });
  return handle;
}

async function stop(): Promise<void> {
  await handle?.stop();
  handle = undefined;
}

/** Sends words and waits until they are counted; what the two steps wrote of them. */
async function say(...said: readonly string[]): Promise<unknown[]> {
  const end = () => log.broker.endOf({ topic: counts.name, partition: 0 });
  const before = end();
  await Promise.all(said.map((word) => log.send(words, { key: null, value: word, timestamp: 0 })));
  while (end() < before + 2 * said.length) await new Promise((resolve) => setImmediate(resolve));
  const written: unknown[] = [];
  for await (const record of log.records(counts)) {
    if (record.offset >= before) written.push(record.value);
  }
  return written;
}

beforeAll(async () => {
  log = await openLog(directory, { durability: 'process' });
  await log.createTopic(words);
  await log.createTopic(counts);
  await start(counting());
  await say('a', 'rose', 'is', 'a', 'rose');
});

afterAll(async () => {
  await stop();
  await log.close();
});

test('inspect lists what a running job keeps: codecs, versions, entries, bytes', async () => {
  const [code, output, errors] = await millrace('state', 'inspect', '--data', directory);
  const [head = '', , ...rows] = output.trimEnd().split('\n');
  expect([code, errors]).toEqual([0, '']);
  expect(head.split(/ {2,}/).slice(0, 5)).toEqual(['state', 'kind', 'keys', 'items', 'values']);
  const shown = rows.map((row) => row.split(/ {2,}/));
  expect(shown.map(([name]) => name)).toContain('totals/accumulator');
  const { stores } = await inspectState(directory, { job: 'counting' });
  const totals = stores.find(({ name }) => name === 'totals/accumulator');
  expect(totals).toMatchObject({
    kind: 'value',
    keyCodec: 'key-json',
    version: 1,
    keyVersion: 1,
    entries: 3,
    // "a" "rose" "is", and an accumulator of 7 bytes for each
    bytes: 3 + 6 + 4 + 3 * '{"n":1}'.length,
    shape: '{n: count}',
  });
  const [, lines] = await millrace('state', 'inspect', '--data', directory, '--json');
  expect(
    lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(stores);
});

describe('drop', () => {
  test('is refused while the job runs, naming who runs it', async () => {
    const [code, , errors] = await millrace('state', 'drop', 'totals', '--data', directory);
    expect(code).toBe(1);
    expect(errors).toContain('State is dropped while its job is stopped. ');
    expect(errors).toContain(`process ${process.pid}`);
    expect(await say('a')).toEqual([{ n: 3 }, 3]);
  });

  test.each([
    ['total', 'has no state "total" that can be dropped. Did you mean "totals"?'],
    ['task/time', 'has no state "task/time" that can be dropped'],
    ['task', 'has no state "task" that can be dropped'],
    ['seen/last/event written', 'It has: hourly/windows, seen/event timers, seen/last,'],
  ])('of %s is refused', async (name, says) => {
    await stop();
    await expect(dropState(directory, name)).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining(says),
    });
  });

  test('of one state lets the job begin anew with it, and with nothing else', async () => {
    await stop();
    const [code, output, errors] = await millrace('state', 'drop', 'totals', '--data', directory);
    expect([code, errors]).toEqual([0, '']);
    expect(output.trimEnd().split('\n')).toEqual([
      'dropped totals/accumulator',
      'dropped totals/event timers',
      'dropped totals/processing timers',
    ]);
    await start(counting());
    expect(await say('a')).toEqual([{ n: 1 }, 4]);
    await stop();
  });

  test('of a state with a time-to-live drops what was kept for that', async () => {
    const dropped = await dropState(directory, 'seen/last', { job: 'counting' });
    expect(dropped).toEqual([
      'seen/last',
      'seen/last/event adopted',
      'seen/last/event checks',
      'seen/last/event own checks',
      'seen/last/event written',
    ]);
    await start(counting());
    expect(await say('a')).toEqual([{ n: 2 }, 5]);
    await stop();
  });

  test('lets a job without the step start, which is refused before', async () => {
    const without = counting({ windows: false });
    const refused = await run(without, { data: log, durability: 'process' });
    await expect(refused.done).rejects.toThrow(
      'state "hourly/windows" is on disk, but no step of the job declares it',
    );
    expect(await dropState(directory, 'hourly')).toEqual(['hourly/windows']);
    await start(without);
    expect(await say('a')).toEqual([{ n: 3 }, 6]);
    const { stores } = await inspectState(directory);
    expect(stores.map(({ name }) => name)).not.toContain('hourly/windows');
  });
});
