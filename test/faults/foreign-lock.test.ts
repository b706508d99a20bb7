/** A tool, or a query, that keeps a transaction open on the state file of a running job. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync, statSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  count,
  type JobHandle,
  job,
  json,
  type Log,
  openLog,
  query,
  run,
  string,
  topic,
} from '../../src/index.ts';
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
const program = new URL('../platform/hold-transaction.ts', import.meta.url).pathname;
const path = `${directory}/state/counting/counting-0.db`;
const walBytesMax = 400_000;
/** One fold, of a few words. */
const foldWalBytes = 100_000;

let log: Log;
let handle: JobHandle;
let tool: ChildProcess | undefined;
let sent = 0;

beforeAll(async () => {
  log = await openLog(directory, { durability: 'process' });
  await log.createTopic(words);
  const options = { durability: 'process', foldIntervalMs: 10, walBytesMax } as const;
  handle = await run(counting, { data: log, ...options });
  await send('a');
});

afterEach(() => void tool?.kill('SIGKILL'));

afterAll(async () => {
  await handle.stop();
  await log.close();
});

const send = (value: string) => log.send(words, { key: null, value });
const told = () => handle.status().error?.message ?? '';
const expectFolded = () =>
  expect.poll(() => handle.metrics().unfoldedBytes, { timeout: 10_000 }).toBe(0);

async function hold(kind: 'read' | 'write'): Promise<ChildProcess> {
  const holder = spawn(process.execPath, [program, path, kind]);
  tool = holder;
  await once(holder.stdout, 'data');
  return holder;
}

/** Elsewhere nobody says which processes have a file open. */
const isKnown = (() => {
  try {
    return readlinkSync('/proc/self/fd/0') !== '';
  } catch {
    return false;
  }
})();

describe('a tool that holds a write lock', () => {
  test('is named by the job, which goes on, and folds once the tool is gone', async () => {
    await expectFolded();
    const holder = await hold('write');
    await send('b');
    await expect.poll(told, { timeout: 10_000 }).toContain(`${path}: another process keeps`);
    if (isKnown) expect(told()).toContain(`node hold-transaction.ts (process ${holder.pid})`);
    expect(handle.status().state).toBe('running');
    const { rows } = await query(directory, 'SELECT key, n FROM n_accumulator ORDER BY key');
    expect(rows).toEqual([
      { key: 'a', n: 1 },
      { key: 'b', n: 1 },
    ]);
    expect(handle.metrics().unfoldedBytes).toBeGreaterThan(0);
    holder.kill('SIGKILL');
    await expectFolded();
    expect(handle.status().waitingFor).toBeUndefined();
  });
});

describe('a tool that holds a read transaction', () => {
  test('makes the write-ahead log grow up to its limit, and is named; then it shrinks', async () => {
    const holder = await hold('read');
    const errors = handle.errors.length;
    let says: string | undefined;
    const sendUntilItWaits = async () => {
      await send(`word-${sent++}`);
      says = handle.status().waitingFor;
      return says;
    };
    await expect
      .poll(sendUntilItWaits, { interval: 5, timeout: 20_000 })
      .toContain(`folding: ${path}: its write-ahead log has`);
    if (isKnown) expect(says).toContain(`(process ${holder.pid})`);
    expect(handle.errors.slice(errors)).toMatchObject([{ code: 'LOCK_TIMEOUT' }]);
    const { walBytes } = handle.metrics();
    expect(walBytes).toBeGreaterThan(walBytesMax);
    expect(walBytes).toBeLessThan(walBytesMax + foldWalBytes);
    for (let n = 0; n < 10; n++) await send(`word-${sent++}`);
    expect(statSync(`${path}-wal`).size).toBeLessThan(walBytesMax + foldWalBytes);
    expect(handle.metrics().unfoldedBytes).toBeGreaterThan(0);
    holder.kill('SIGKILL');
    await expectFolded();
    expect(handle.status().waitingFor).toBeUndefined();
    expect(statSync(`${path}-wal`).size).toBeLessThan(foldWalBytes);
    expect(handle.errors).toHaveLength(errors + 1);
  });
});

describe('a query', () => {
  const endless =
    'WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n';

  test('holds nothing open when it has been answered, or ended by its time limit', async () => {
    await query(directory, 'SELECT count(*) FROM n_accumulator');
    const asked = query(directory, endless, { timeoutMs: 1500 });
    let outcome: unknown;
    asked.catch((error: unknown) => {
      outcome = error;
    });
    const sendUntilItEnds = async () => {
      await send(`word-${sent++}`);
      return outcome;
    };
    await expect
      .poll(sendUntilItEnds, { interval: 5, timeout: 20_000 })
      .toMatchObject({ code: 'TIMEOUT' });
    const foldUntilItIsEmptied = async () => {
      await send(`word-${sent++}`);
      return handle.metrics().walBytes;
    };
    await expect
      .poll(foldUntilItIsEmptied, { interval: 20, timeout: 20_000 })
      .toBeLessThan(foldWalBytes);
  });
});
