/** A tool that holds a write lock on the state file of a running job. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { count, job, json, openLog, query, run, string, topic } from '../../src/index.ts';
import { suiteDirectory } from '../support/temporary-directory.ts';

const words = topic('words', { key: string(), value: string() });
const counts = topic('counts', { key: string(), value: json<{ n: number }>() });
const counting = job('counting', ({ from }) => {
  from(words)
    .keyBy((word) => word)
    .aggregate({ n: count() }, { name: 'n' })
    .to(counts);
});

const directory = suiteDirectory();
const program = new URL('../platform/hold-write.ts', import.meta.url).pathname;
const path = `${directory}/state/counting/counting-0.db`;
const tool = { kill: () => {} };

afterAll(() => tool.kill());

/** Elsewhere nobody says which processes have a file open. */
const isKnown = (() => {
  try {
    return readlinkSync('/proc/self/fd/0') !== '';
  } catch {
    return false;
  }
})();

test('is named by the job, which goes on, and folds once the tool is gone', async () => {
  const log = await openLog(directory, { durability: 'process' });
  await log.createTopic(words);
  const handle = await run(counting, { data: log, durability: 'process', foldIntervalMs: 20 });
  const send = (value: string) => log.send(words, { key: null, value });
  await send('a');
  await expect.poll(() => handle.metrics().unfoldedBytes).toBe(0);
  const holder = spawn(process.execPath, [program, path]);
  tool.kill = () => holder.kill('SIGKILL');
  await once(holder.stdout, 'data');
  await send('b');
  const told = () => handle.status().error?.message ?? '';
  await expect.poll(told, { timeout: 10_000 }).toContain(`${path}: another process keeps`);
  if (isKnown) expect(told()).toContain(`(process ${holder.pid})`);
  expect(handle.status().state).toBe('running');
  const { rows } = await query(directory, 'SELECT key, n FROM n_accumulator ORDER BY key');
  expect(rows).toEqual([
    { key: 'a', n: 1 },
    { key: 'b', n: 1 },
  ]);
  expect(handle.metrics().unfoldedBytes).toBeGreaterThan(0);
  tool.kill();
  await expect.poll(() => handle.metrics().unfoldedBytes, { timeout: 10_000 }).toBe(0);
  await handle.stop();
  await log.close();
});
