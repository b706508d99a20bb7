/**
 * Queries in processes of their own, on the directory of a job that runs, and of one that has ended.
 * What the views show is tested in views.test.ts, in this process.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type JobHandle,
  job,
  json,
  type Log,
  openLog,
  query,
  run,
  string,
  topic,
  value,
} from '../../../src/index.ts';
import { suiteDirectory, temporaryDirectory } from '../../support/temporary-directory.ts';

const payments = topic('payments', { key: string(), value: json<{ from: string; to: string }>() });
const moved = topic('moved', { key: string(), value: json<number>() });

/** Each payment takes from one account what it gives to the other, so that all add up to nothing. */
const accounts = job('accounts', ({ from }) => {
  from(payments)
    .flatMap((payment) => [
      { account: payment.from, amount: -1 },
      { account: payment.to, amount: 1 },
    ])
    .keyBy((entry) => entry.account)
    .process({
      name: 'balances',
      state: { balance: value<number>() },
      onRecord({ amount }, { state }) {
        state.balance.update((balance = 0) => balance + amount);
        return [amount];
      },
    })
    .to(moved);
});

const directory = suiteDirectory();
let log: Log;
let handle: JobHandle;

async function pay(count: number): Promise<void> {
  const sent = Array.from({ length: count }, (_, i) =>
    log.send(payments, { key: null, value: { from: `a${i % 7}`, to: `b${i % 11}` } }),
  );
  await Promise.all(sent);
}

beforeAll(async () => {
  log = await openLog(directory);
  await log.createTopic(payments, 2);
  handle = await run(accounts, { data: log, foldIntervalMs: 20 });
  await pay(100);
});

afterAll(async () => {
  await handle.stop();
  await log.close();
});

const totals = 'SELECT sum(value) AS total, sum(abs(value)) / 2 AS moved FROM balances_balance';

describe('a query beside a running job', () => {
  test('sees whole commits, the later ones later, and no half fold', async () => {
    let done = false;
    const paying = (async () => {
      while (!done) await pay(50);
    })();
    await expect.poll(() => handle.metrics().commits).toBeGreaterThan(0); // it has its state
    const seen: { readonly epoch: number; readonly moved: number }[] = [];
    for (let i = 0; i < 3; i++) {
      const { rows, asOf } = await query<{ total: number; moved: number }>(directory, totals);
      expect(rows).toEqual([{ total: 0, moved: expect.any(Number) }]);
      seen.push({ epoch: asOf.epoch, moved: rows[0]?.moved ?? 0 });
    }
    done = true;
    await paying;
    expect(seen).toEqual([...seen].sort((a, b) => a.epoch - b.epoch || a.moved - b.moved));
    expect(seen.at(-1)?.moved).toBeGreaterThan(seen[0]?.moved ?? 0);
  });

  test('is ended when its time is over, and the job goes on', async () => {
    const endless =
      'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n';
    await expect(query(directory, endless, { timeoutMs: 600 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('ended after 600 ms'),
    });
    const { recordsRead } = handle.metrics();
    await pay(1);
    await expect.poll(() => handle.metrics().recordsRead).toBeGreaterThan(recordsRead);
    expect(handle.status().state).toBe('running');
  });
});

test('a query fails with what is wrong as a MillraceError, also from another process', async () => {
  await expect(query(directory, 'SELECT * FROM balance')).rejects.toMatchObject({
    code: 'INVALID',
    message: 'There is no view balance. There are: balances_balance, timers, stores.',
  });
  await expect(query(directory, 'SELECT 1', { job: 'acounts' })).rejects.toThrow(
    'There is no job "acounts". Did you mean "accounts"?',
  );
  const nowhere = query(`${temporaryDirectory()}/none`, 'SELECT 1');
  await expect(nowhere).rejects.toMatchObject({ code: 'DIRECTORY' });
});

test('options are checked before anything is started', async () => {
  const misspelled = { maxRows: 5 } as object;
  await expect(query(directory, 'SELECT 1', misspelled)).rejects.toThrow('no option "maxRows"');
  await expect(query(directory, 'SELECT 1', { timeoutMs: 1e12 })).rejects.toThrow('it is at most');
});
