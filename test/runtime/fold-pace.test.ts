/** How fast a fold goes, and what it waits for. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { JobHandle, RunOptions } from '../../src/runtime/index.ts';
import { readAll } from '../support/operator-harness.ts';
import { counts, Folded } from './folded-job.ts';

/** Slices of 100 bytes; at leisure up to 3200. */
const small: RunOptions = { unfoldedBytesMax: 6400 };

describe('between two slices', () => {
  const workMs = 30;

  /** A job that works 30 ms on each slice; when each of them was done. */
  async function slowly(options: RunOptions): Promise<{ folded: Folded; at: number[] }> {
    const folded = new Folded();
    const { machine } = folded;
    const at: number[] = [];
    machine.onFailpoint = (name) => {
      if (name !== 'fold.sliced') return;
      machine.time.work(workMs);
      at.push(machine.time.elapsedMs);
    };
    await folded.start({ ...small, ...options });
    return { folded, at };
  }

  const gaps = (at: readonly number[]) =>
    at.slice(1).map((each, i) => Math.round(each - (at[i] ?? 0)));

  test.each([
    [{}, 120],
    [{ foldCpuShare: 0.25 }, 120],
    [{ foldCpuShare: 0.5 }, 60],
    [{ foldCpuShare: 0.1 }, 300],
    [{ foldCpuShare: 1 }, 30],
  ])('a fold with %o rests so that it works for its share', async (options, eachMs) => {
    const { folded, at } = await slowly(options);
    await folded.append(40);
    await folded.machine.advance(20_000);
    expect(folded.changelog[0]).toBe(folded.changelog[1]);
    expect(at.length).toBeGreaterThan(5);
    expect(new Set(gaps(at))).toEqual(new Set([eachMs]));
  });

  test('a fold does not rest once more than half of what may wait does', async () => {
    const { folded, at } = await slowly({ foldCpuShare: 0.01 });
    await folded.append(40);
    await folded.machine.advance(5000 + 2000); // the first slice, and part of the first rest
    expect(at).toHaveLength(1);
    await folded.append(100); // more than half, with what is under way
    await folded.machine.advance(100);
    expect(folded.changelog[0]).toBeGreaterThan(0);
    expect(new Set(gaps(at.slice(1, 6)))).toEqual(new Set([workMs]));
  });

  test('a fold does not rest when the job stops', async () => {
    const folded = new Folded();
    const handle = await folded.start({ ...small, foldCpuShare: 0.01 });
    folded.machine.onFailpoint = (name) => {
      if (name === 'fold.sliced') folded.machine.time.work(workMs);
    };
    await folded.append(30);
    await folded.machine.advance(5000);
    expect(folded.changelog[0]).toBe(0);
    const from = folded.machine.time.elapsedMs;
    await folded.machine.until(handle.stop());
    expect(folded.changelog[0]).toBe(folded.changelog[1]);
    expect(folded.machine.time.elapsedMs - from).toBeLessThan(2000);
  });
});

describe('a transaction that another connection keeps open on the state file', () => {
  const walBytesMax = 60_000;
  const options: RunOptions = { ...small, walBytesMax };
  const sliceWalBytes = 20_000;

  /** Of one that has seen a fold. */
  async function blocked(kind: 'DEFERRED' | 'IMMEDIATE') {
    const folded = new Folded();
    const handle = await folded.start(options);
    await folded.append(1);
    await folded.machine.advance(5000);
    const other = folded.openStateFile();
    onTestFinished(() => void other.close());
    other.exec(`BEGIN ${kind}`);
    other.prepare('SELECT * FROM entries').all();
    return { folded, handle, end: () => other.exec('COMMIT') };
  }

  /** All words were counted, once for each time they came. */
  function expectCounts(folded: Folded, ...appends: readonly number[]): void {
    const seen = new Map<number, number>();
    const expected = appends.flatMap((many) =>
      Array.from({ length: many }, (_, i) => {
        const n = (seen.get(i) ?? 0) + 1;
        seen.set(i, n);
        return { n };
      }),
    );
    expect(readAll(folded.broker, counts, 0).map(({ value }) => value)).toEqual(expected);
  }

  async function expectFolded(folded: Folded, handle: JobHandle): Promise<void> {
    await folded.machine.advance(20_000);
    expect(folded.changelog[0]).toBe(folded.changelog[1]);
    expect(handle.status().waitingFor).toBeUndefined();
    const { unfoldedBytes, walBytes, stateFileBytes } = handle.metrics();
    expect(unfoldedBytes).toBe(0);
    expect(walBytes).toBeLessThan(walBytesMax + sliceWalBytes);
    expect(stateFileBytes).toBeGreaterThan(10_000);
  }

  const log = /^folding: .+counting-0\.db: its write-ahead log has \d+ bytes and can't be emptied/;
  const locked = /^folding: .+counting-0\.db: another process keeps the database locked/;

  test.each([
    ['DEFERRED', 'for reading lets it fold until its log is full', log],
    ['IMMEDIATE', 'for writing lets it fold nothing', locked],
  ] as const)('%s, %s; told once, and the job goes on', async (kind, _, problem) => {
    const { folded, handle, end } = await blocked(kind);
    await folded.append(60);
    await folded.machine.advance(5000 + 500);
    expect(handle.status().waitingFor).toBeUndefined(); // it may be over in a moment
    await folded.machine.advance(1500);
    expect(handle.status().waitingFor).toMatch(problem);
    await folded.append(70);
    await folded.machine.advance(60_000);
    expect(folded.counts).toBe(131);
    expect(handle.status().waitingFor).toMatch(problem);
    expect(handle.errors).toMatchObject([{ code: 'LOCK_TIMEOUT', retryable: true }]);
    const { walBytes } = handle.metrics();
    expect(walBytes).toBeLessThan(walBytesMax + sliceWalBytes);
    expect(walBytes > walBytesMax).toBe(kind === 'DEFERRED');
    end();
    await expectFolded(folded, handle);
    expect(handle.errors).toHaveLength(1);
    expectCounts(folded, 1, 60, 70);
  });

  test('that lasts stops the reading of input, which goes on when it ends', async () => {
    const { folded, handle, end } = await blocked('DEFERRED');
    for (let round = 0; round < 5; round++) {
      await folded.append(60);
      await folded.machine.advance(10_000);
    }
    const { counts: before } = folded;
    expect(before).toBeLessThan(301);
    expect(handle.metrics().unfoldedBytes).toBeGreaterThan(6400);
    expect(handle.status().waitingFor).toMatch(
      /^folding: \d+ bytes of changelog are not in the state file yet: .+its write-ahead log has/,
    );
    await folded.machine.advance(60_000);
    expect(folded.counts).toBe(before);
    end();
    await folded.machine.advance(10_000);
    expect(folded.counts).toBe(301);
    await expectFolded(folded, handle);
    expectCounts(folded, 1, 60, 60, 60, 60, 60);
  });

  test('that ends in time is not told', async () => {
    const { folded, handle, end } = await blocked('DEFERRED');
    await folded.append(60);
    await folded.machine.advance(5000 + 500);
    expect(folded.changelog[0]).toBeLessThan(folded.changelog[1]);
    end();
    await expectFolded(folded, handle);
    expect(handle.errors).toEqual([]);
  });

  test('is not told any more once it has ended, although the fold goes on', async () => {
    const { folded, handle, end } = await blocked('DEFERRED');
    await folded.append(60);
    await folded.machine.advance(10_000);
    expect(handle.status().waitingFor).toMatch(log);
    folded.machine.onFailpoint = (name) => {
      if (name === 'fold.sliced') folded.machine.time.work(1000);
    };
    end();
    await folded.machine.advance(1500);
    expect(handle.status().waitingFor).toBeUndefined();
    expect(handle.metrics().unfoldedBytes).toBeGreaterThan(0);
  });

  test('does not keep the job from stopping; the next run folds what is left', async () => {
    const { folded, handle, end } = await blocked('DEFERRED');
    await folded.append(60);
    await folded.machine.advance(10_000);
    expect(handle.status().waitingFor).toMatch(log);
    await folded.machine.until(handle.stop(), 1, 200);
    expect(handle.status().state).toBe('stopped');
    end();
    const next = await folded.start(options);
    await folded.append(70);
    await folded.machine.advance(10_000);
    await expectFolded(folded, next);
    expectCounts(folded, 1, 60, 70);
  });

  test('outlives a crash: the next run waits for it too', async () => {
    const { folded, end } = await blocked('DEFERRED');
    await folded.append(60);
    folded.machine.onFailpoint = (name, process) => {
      if (name === 'fold.sliced') process.crash();
    };
    await folded.machine.advance(10_000);
    folded.machine.onFailpoint = () => {};
    const next = await folded.start(options);
    await folded.append(60);
    await folded.machine.advance(20_000);
    expect(next.status().waitingFor).toMatch(log);
    end();
    await expectFolded(folded, next);
    expectCounts(folded, 1, 60, 60);
  });
});
