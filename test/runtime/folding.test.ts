/** How a task's changelog gets into its state file while it runs, and what holds it up. */
import { describe, expect, test } from 'vitest';
import type { BackgroundCall, Failpoint, Platform } from '../../src/platform/index.ts';
import { readAll } from '../support/operator-harness.ts';
import { changedBroker } from '../support/rebuilding.ts';
import type { SimulatedProcess } from '../support/simulated-platform.ts';
import { counts, Folded } from './folded-job.ts';

describe('a changelog', () => {
  test('is folded after the interval; then the log forgets it', async () => {
    const folded = new Folded();
    const handle = await folded.start();
    await folded.append(10);
    await folded.machine.advance(4999);
    expect(folded.changelog[0]).toBe(0);
    expect(handle.metrics().unfoldedBytes).toBeGreaterThan(100);
    await folded.machine.advance(1);
    const [start, end] = folded.changelog;
    expect(start).toBe(end);
    expect(end).toBeGreaterThan(10);
    expect(handle.metrics().unfoldedBytes).toBe(0);
  });

  test('that a stop left is folded by the next run', async () => {
    const folded = new Folded();
    const handle = await folded.start();
    await folded.append(10);
    await folded.machine.until(handle.stop());
    expect(folded.changelog[0]).toBe(0);
    const again = await folded.start();
    expect(again.metrics().unfoldedBytes).toBeGreaterThan(100);
    await folded.machine.advance(5000);
    expect(folded.changelog[0]).toBe(folded.changelog[1]);
  });

  test.each([
    ['comes later', [20, 20]],
    ['is there already', [40]],
  ])('that is too long makes the task wait, and say so, if more input %s', async (_, appends) => {
    const folded = new Folded();
    const gate = Promise.withResolvers<void>();
    const slowly = (of: Platform): Platform => ({
      ...of,
      background: {
        ...of.background,
        run: <Result>(call: BackgroundCall) =>
          gate.promise.then(() => of.background.run<Result>(call)),
      },
    });
    const options = { unfoldedBytesMax: 1000, epoch: { epochRecords: 20 } };
    const handle = await folded.start(options, slowly);
    for (const wordsCount of appends) {
      await folded.append(wordsCount);
      expect(handle.status().waitingFor).toMatch(/^folding: \d+ bytes of changelog are not in/);
      expect(folded.counts).toBe(20);
    }
    gate.resolve();
    await folded.machine.advance(100);
    expect(handle.status().waitingFor).toBeUndefined();
    expect(folded.counts).toBe(40);
  });

  test('that could not be folded is folded later, and the job goes on', async () => {
    const folded = new Folded();
    let failures = 0;
    const failing = (of: Platform): Platform => ({
      ...of,
      background: {
        ...of.background,
        run: <Result>(call: BackgroundCall) =>
          failures++ === 0
            ? Promise.reject(new Error('no disk today'))
            : of.background.run<Result>(call),
      },
    });
    const handle = await folded.start({}, failing);
    await folded.append(10);
    await folded.machine.advance(5000);
    expect(handle.errors).toMatchObject([{ message: 'no disk today' }]);
    expect(folded.changelog[0]).toBe(0);
    await folded.append(10);
    expect([handle.status().state, folded.counts]).toEqual(['running', 20]);
    await folded.machine.advance(5000);
    expect(folded.changelog[0]).toBe(folded.changelog[1]);
    expect(handle.errors).toHaveLength(1);
  });

  test('that could not be folded, nor be read again then, is folded as a whole later', async () => {
    const folded = new Folded();
    let folds = 0;
    let reads = 0;
    const failing = (of: Platform): Platform => ({
      ...of,
      background: {
        ...of.background,
        run: <Result>(call: BackgroundCall) =>
          ++folds === 2
            ? Promise.reject(new Error('no disk today'))
            : of.background.run<Result>(call),
      },
    });
    const broker = changedBroker(folded.broker, {
      read(partition, offset, bytesMax) {
        const isChangelog = partition.topic === '__counting-0-changelog';
        if (isChangelog && folds === 2 && ++reads === 1) throw new Error('nor a log');
        return folded.broker.read(partition, offset, bytesMax);
      },
    });
    const handle = await folded.start({ broker }, failing);
    await folded.append(1);
    await folded.machine.advance(5000);
    await folded.append(20);
    await folded.machine.advance(5000);
    expect([folds, reads]).toEqual([2, 1]);
    await folded.append(10); // the first ones again: the others lie in what could not be folded
    await folded.machine.advance(5000);
    expect(folded.changelog[0]).toBe(folded.changelog[1]);
    await folded.machine.until(handle.stop());
    await folded.start();
    await folded.append(20);
    const values = readAll(folded.broker, counts, 0).map(({ value }) => value);
    const expected = Array.from({ length: 20 }, (_, i) => ({
      n: (i < 10 ? 3 : 2) + (i < 1 ? 1 : 0),
    }));
    expect(values.slice(-20)).toEqual(expected);
  });
});

describe('a state file', () => {
  test.each(['disk', 'process'] as const)('is opened for durability `%s`', async (durability) => {
    const folded = new Folded();
    const opened: unknown[] = [];
    const watched = (of: Platform): Platform => ({
      ...of,
      openDatabase: (path, options) => {
        opened.push([path, options.durable]);
        return of.openDatabase(path, options);
      },
      background: {
        ...of.background,
        run: <Result>(call: BackgroundCall) => {
          opened.push([call.name, (call.argument as { durable: boolean }).durable]); // of a fold
          return of.background.run<Result>(call);
        },
      },
    });
    await folded.start({ durability }, watched);
    await folded.append(1);
    await folded.machine.advance(5000);
    const durable = durability === 'disk';
    expect(opened).toEqual([
      ['/data/state/counting/counting-0.db', durable],
      ['foldChangelog', durable],
    ]);
  });
});

describe('a crash in a fold', () => {
  /** Kills the process when it is at the step for the n-th time. */
  const crashAt = (folded: Folded, step: Failpoint, n: number) => {
    let met = 0;
    folded.machine.onFailpoint = (name, process) => {
      if (name === step && ++met === n) process.crash();
    };
    return () => met >= n;
  };

  const cases = (['fold.begun', 'fold.committed', 'fold.recorded'] as const).map(
    (step): [Failpoint, number] => [step, 1],
  );
  const slices = [1, 2, 3, 4, 5].map((n): [Failpoint, number] => ['fold.sliced', n]);

  test.each([...cases, ...slices])('at %s, no. %i, changes nothing', async (step, n) => {
    const folded = new Folded();
    const options = { unfoldedBytesMax: 6400 }; // slices of 100 bytes
    const crashed = crashAt(folded, step, n);
    await folded.start(options);
    await folded.append(30);
    await folded.machine.advance(6000);
    expect(crashed()).toBe(true);
    const [start, end] = folded.changelog;
    expect(start).toBe(step === 'fold.recorded' ? end : 0);
    await folded.start(options);
    await folded.append(40);
    await folded.machine.advance(6000);
    expect(folded.changelog[0]).toBe(folded.changelog[1]);
    const handle = await folded.start(options);
    await folded.append(50);
    expect(handle.metrics().stateEntries).toBe(51); // and the task's own time
    const expected = [30, 40, 50].flatMap((most, round) =>
      Array.from({ length: most }, (_, i) => ({ n: 1 + round - (i < 30 ? 0 : i < 40 ? 1 : 2) })),
    );
    expect(readAll(folded.broker, counts, 0).map(({ value }) => value)).toEqual(expected);
  });
});

test('a fold of a task that was taken over in the middle of it changes nothing more', async () => {
  const folded = new Folded();
  const options = { unfoldedBytesMax: 6400 };
  let slices = 0;
  let zombie: SimulatedProcess | undefined;
  folded.machine.onFailpoint = (name, process) => {
    if (name !== 'fold.sliced' || ++slices !== 2) return;
    zombie = process;
    process.stop();
  };
  const first = await folded.start(options);
  await folded.append(30);
  await folded.machine.advance(6000);
  await folded.start(options);
  await folded.append(30);
  zombie?.resume();
  await folded.machine.advance(100);
  expect(first.errors.map(String).join()).toMatch(/counting-0\.db was opened by incarnation 2/);
  expect(folded.changelog[0]).toBe(0);
  await folded.machine.advance(6000);
  expect(folded.changelog[0]).toBe(folded.changelog[1]);
  const last = await folded.start(options);
  await folded.append(30);
  expect(last.metrics().recordsRead).toBe(30);
  const values = readAll(folded.broker, counts, 0).map(({ value }) => value);
  expect(values.slice(-30)).toEqual(Array.from({ length: 30 }, () => ({ n: 3 })));
});
