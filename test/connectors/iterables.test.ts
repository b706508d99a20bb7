import { Readable } from 'node:stream';
import { of, Subject } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { asyncIterable, ingest, iterable, observable } from '../../src/connectors/index.ts';
import { sourceContract } from '../contracts/source.ts';
import { failingOnce } from './failing-source.ts';
import {
  type Cup,
  cups,
  makeCups,
  memoryLog,
  pricesIn,
  untilRunning,
  untilTaken,
  upTo,
} from './fixtures.ts';

async function* slowly(values: readonly Cup[]): AsyncGenerator<Cup> {
  for (const value of values) {
    await Promise.resolve();
    yield value;
  }
}

sourceContract('an array', () => ({ source: (values) => iterable(values) }));
sourceContract('a generator', () => ({
  source: (values, taken) => iterable(values.slice(taken).values()),
}));
sourceContract('an async iterable', () => ({
  source: (values, taken) => asyncIterable(slowly(values.slice(taken))),
}));
sourceContract('an async iterable that is made again', () => ({
  source: (values) => asyncIterable((taken) => slowly(values.slice(taken))),
}));
sourceContract('a stream of Node.js', () => ({
  source: (values, taken) => asyncIterable<Cup>(Readable.from(values.slice(taken))),
}));
sourceContract('an Observable', () => ({
  source: (values, taken) => observable(of(...values.slice(taken))),
}));

describe('an ingest', () => {
  test('makes the topic, with keys and timestamps', async () => {
    const log = memoryLog();
    const handle = await ingest(iterable(makeCups(6)), cups, {
      data: log,
      key: ({ by }) => by,
      timestamp: ({ price }) => price * 1000,
    });
    await handle.done;
    const records = [];
    for await (const record of log.records(cups)) records.push(record);
    expect(log.broker.describeTopic('cups')?.partitions.length).toBe(2);
    expect(records.map(({ key, value }) => key === value?.by)).not.toContain(false);
    expect(records.map(({ timestamp }) => timestamp).sort()).toEqual(upTo(6).map((n) => n * 1000));
    expect(handle.status()).toMatchObject({ state: 'ended', records: 6, topic: 'cups' });
  });

  test('sends records without a key round the partitions, also after a restart', async () => {
    const log = memoryLog();
    for (const count of [3, 8]) {
      await (await ingest(iterable(makeCups(count)), cups, { data: log })).done;
    }
    for await (const { partition, value } of log.records(cups)) {
      expect(partition).toBe((value?.price ?? 0) % 2);
    }
  });

  test('commits a record as soon as it comes', async () => {
    const log = memoryLog();
    const values = new Subject<Cup>();
    const handle = await ingest(observable(values), cups, { data: log });
    for (let count = 1; count <= 3; count++) {
      await untilRunning(handle);
      values.next({ by: 'ada', price: count - 1 });
      await untilTaken(log, count, handle);
    }
    await handle.stop();
    expect(values.observed).toBe(false);
    expect(await pricesIn(log)).toEqual([0, 1, 2]);
  });

  test('takes what an Observable has given before a stop', async () => {
    const log = memoryLog();
    const values = new Subject<Cup>();
    const handle = await ingest(observable(values), cups, { data: log });
    await untilRunning(handle);
    for (const cup of makeCups(10)) values.next(cup);
    await handle.stop();
    expect(await pricesIn(log)).toEqual(upTo(10));
  });

  test('ends where an Observable gives more than may wait', async () => {
    const values = new Subject<Cup>();
    const handle = await ingest(observable(values, { waitingMax: 5 }), cups, { data: memoryLog() });
    await untilRunning(handle);
    for (const cup of makeCups(10)) values.next(cup);
    await expect(handle.done).rejects.toThrow(/More than 5 values of the Observable/);
  });

  test('names the value that the topic does not take, and keeps those before it', async () => {
    const log = memoryLog();
    async function* values(): AsyncGenerator<Cup> {
      yield* makeCups(3);
      yield { by: 'dan', price: Number.NaN };
    }
    const handle = await ingest(asyncIterable(values()), cups, { data: log });
    await expect(handle.done).rejects.toThrow(/^value 4: JSON would not give this value back/);
    expect(await pricesIn(log)).toEqual(upTo(3));
  });

  test('begins again at its last commit after a failure that can pass', async () => {
    const log = memoryLog();
    const failing = failingOnce(makeCups(9));
    const handle = await ingest(failing, cups, { data: log });
    await untilTaken(log, 9, handle);
    await handle.done;
    expect(handle.status()).toMatchObject({ restarts: 1, records: 9 });
  });

  test('is refused while it runs already, and under a name that no topic can have', async () => {
    const log = memoryLog();
    const first = await ingest(observable(new Subject<Cup>()), cups, { data: log });
    await untilRunning(first);
    const second = await ingest(iterable(makeCups(1)), cups, { data: log });
    await expect(second.done).rejects.toThrow('ingest() "cups" runs already');
    const third = await ingest(iterable(makeCups(1)), cups, { data: log, name: 'more' });
    await third.done;
    await first.stop();
    await expect(ingest(iterable([]), cups, { data: log, name: 'a/b' })).rejects.toThrow(
      `ingest(): "a/b" can't be its name`,
    );
  });
});
