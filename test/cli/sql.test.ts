/** `millrace sql` as people call it: what it prints, and what it says where it can't. */
import { beforeAll, expect, test } from 'vitest';
import { count, job, json, openLog, run, string, topic, tumbling } from '../../src/index.ts';
import { millrace } from '../support/millrace-command.ts';
import { suiteDirectory } from '../support/temporary-directory.ts';

const words = topic('words', { key: string(), value: string() });
const counts = topic('counts', { key: string(), value: json<unknown>() });
const counting = (name: string) =>
  job(name, ({ from }) => {
    const byWord = from(words, { quietAfter: 'off' }).keyBy((word) => word, { key: string() });
    byWord.aggregate({ n: count() }, { name: 'totals' }).to(counts);
    byWord.window(tumbling('1h')).aggregate({ n: count() }, { name: 'hourly' }).to(counts);
  });

const one = suiteDirectory();
const two = suiteDirectory();

async function countWords(directory: string, name: string): Promise<void> {
  const log = await openLog(directory, { durability: 'process' });
  await log.createTopic(words);
  const sent = ['a', 'rose', 'is', 'a', 'rose'].map((value) =>
    log.send(words, { key: null, value, timestamp: 0 }),
  );
  await Promise.all(sent);
  const handle = await run(counting(name), { data: log, durability: 'process' });
  while (handle.metrics().recordsRead < 5) await new Promise((resolve) => setImmediate(resolve));
  await handle.stop();
  await log.close();
}

beforeAll(async () => {
  await Promise.all([countWords(one, 'word-count'), countWords(two, 'hours')]);
  await countWords(two, 'minutes');
});

const byCount = 'SELECT key, n FROM totals_accumulator ORDER BY n DESC, key';

test('prints a table, and says when there are more rows', async () => {
  const [code, output, errors] = await millrace('sql', byCount, '--data', one, '--limit', '2');
  expect(output.split('\n')).toEqual(['key   n', '----  -', 'a     2', 'rose  2', '']);
  expect(errors).toBe('There are more rows than these 2; --limit takes another number.\n');
  expect(code).toBe(0);
});

test('prints JSON, and tells apart the jobs of a directory by --job', async () => {
  const ask = ['sql', byCount, '--data', two, '--json'];
  const [code, output] = await millrace(...ask, '--job', 'minutes');
  expect(output).toBe('{"key":"a","n":4}\n{"key":"rose","n":4}\n{"key":"is","n":2}\n');
  expect(code).toBe(0);
  expect(await millrace(...ask)).toEqual([
    1,
    '',
    `millrace: Which job is meant? In ${two} there are: hours, minutes. Give { job } or --job.\n`,
  ]);
});

test('without a query lists the views', async () => {
  const [, output] = await millrace('sql', '--data', one);
  expect(output.split('\n')).toEqual([
    'view                kind   columns',
    '------------------  -----  ---------------------------------------',
    'hourly_windows      timed  key, window_start, window_end, n, value',
    'timers              timed  step, kind, key, due',
    'totals_accumulator  value  key, n, value',
    '',
  ]);
});
