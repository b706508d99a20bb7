import { count, job, json, string, sum, topic, tumbling, value } from 'millrace';
import { ABORT, EOF, PAUSE, playScript, testDriver } from 'millrace/testing';
import { describe, expect, test } from 'vitest';

interface Sale {
  readonly shop: string;
  readonly amount: number;
}

const sales = topic('sales', { key: string(), value: json<Sale>() });
const hourly = topic('hourly', {
  key: string(),
  value: json<{ sales: number; total: number; windowStart: number; windowEnd: number }>(),
});
const totals = topic('totals', { key: string(), value: json<number>() });
const reminders = topic('reminders', { key: string(), value: json<string>() });

const windowed = job('windowed', ({ from }) => {
  from(sales)
    .keyBy((sale) => sale.shop)
    .window(tumbling('1h'))
    .aggregate({ sales: count(), total: sum((sale) => sale.amount) })
    .to(hourly);
});

const running = job('running', ({ from }) => {
  from(sales)
    .keyBy((sale) => sale.shop)
    .process({
      name: 'totals',
      state: { total: value<number>() },
      onRecord(sale, { state }) {
        state.total.update((total = 0) => total + sale.amount);
        return [state.total.get() ?? 0];
      },
    })
    .to(totals);
});

const reminding = job('reminding', ({ from }) => {
  from(sales)
    .keyBy((sale) => sale.shop)
    .process({
      name: 'reminders',
      onRecord: (_sale, { timers, now }) => timers.processing.set(now + 10_000),
      onTimer: () => ['buy again'],
    })
    .to(reminders);
});

const hour = 3_600_000;
const sale = (amount: number, shop = 'a'): Sale => ({ shop, amount });

describe('the test driver', () => {
  test('fires windows when event time is moved', () => {
    using t = testDriver(windowed, { partitions: 2 });
    t.feed(sales, sale(1), { timestamp: 0, partition: 0 });
    t.feed(sales, sale(2), { timestamp: 10, partition: 1 });
    expect(t.read(hourly)).toEqual([]);
    expect(t.timers('window-of-sales-keyed-1')).toEqual([{ key: 'a', time: hour - 1 }]);
    t.advanceEventTime(hour);
    expect(t.read(hourly).map((record) => record.value)).toEqual([
      { sales: 2, total: 3, windowStart: 0, windowEnd: hour },
    ]);
    expect(t.read(hourly)).toEqual([]);
    expect(t.watermark).toBe(hour);
  });

  test('fires processing-time timers when the wall clock is moved, and not before', () => {
    using t = testDriver(reminding);
    t.feed(sales, sale(1)).advanceWallTime('9s');
    expect(t.read(reminders)).toEqual([]);
    t.advanceWallTime('1s');
    expect(t.read(reminders)).toMatchObject([{ key: 'a', value: 'buy again' }]);
  });

  test('a silent stream closes its windows by the wall clock', () => {
    using t = testDriver(windowed);
    t.feed(sales, sale(5), { timestamp: 0 }).advanceWallTime('2h');
    expect(t.read(hourly)).toMatchObject([{ value: { total: 5 } }]);
  });

  test('drain closes what waits', () => {
    using t = testDriver(windowed);
    t.feed(sales, sale(5), { timestamp: 0 }).drain();
    expect(t.read(hourly)).toMatchObject([{ value: { total: 5 } }]);
  });

  test('shows state as it was committed', () => {
    using t = testDriver(running);
    t.feed(sales, sale(1)).feed(sales, sale(2)).feed(sales, sale(9, 'b'));
    expect(t.state('totals').get('a')).toBe(3);
    expect(t.state('totals/total').entries()).toMatchObject([
      { key: 'a', value: 3 },
      { key: 'b', value: 9 },
    ]);
    expect(t.state('totals').get('nobody')).toBeUndefined();
  });

  test.each(['before', 'after'] as const)('a crash %s a commit counts nothing twice', (at) => {
    using t = testDriver(running, { epochRecords: 1 });
    t.feed(sales, sale(1)).crashAtCommit(at).feed(sales, sale(2));
    expect(t.isRunning).toBe(false);
    expect(t.read(totals).map((record) => record.value)).toEqual(at === 'before' ? [1] : [1, 3]);
    t.append(sales, sale(4)).restart();
    expect(t.read(totals).map((record) => record.value)).toEqual(at === 'before' ? [3, 7] : [7]);
    t.crash().restart();
    expect(t.state('totals').get('a')).toBe(7);
  });

  test('plays scripts with aborts, pauses and an end', () => {
    using t = testDriver(reminding);
    playScript(t, sales, [{ value: sale(1) }, ABORT, { value: sale(2, 'b') }, PAUSE('10s'), EOF]);
    expect(t.read(reminders).map(({ key }) => key)).toEqual(['a', 'b']);
  });

  test('says what is wrong, and what to do', () => {
    const t = testDriver(running);
    expect(() => t.feed(totals, 1)).toThrow(
      '"running" reads no topic of this name. It reads "sales"',
    );
    expect(() => t.read(hourly)).toThrow('writes no topic of this name. It writes "totals"');
    expect(() => t.feed(sales, sale(1), { partition: 3 })).toThrow(
      'testDriver(job, { partitions })',
    );
    expect(() => t.state('sums')).toThrow('Name one of "totals/total"');
    expect(() => t.timers('sums')).toThrow('There are: "totals/total"');
    expect(() => t.advanceEventTime('soon')).toThrow('ISO 8601');
    expect(() => t.crash().drain()).toThrow('Call restart() before');
    t.close();
    expect(() => t.feed(sales, sale(1))).toThrow('closed');
    // @ts-expect-error an option that does not exist
    expect(() => testDriver(running, { partition: 2 })).toThrow('partitions');
  });
});

test('a job that waits for answers is refused by name', () => {
  const asking = job('asking', ({ from }) => {
    from(sales)
      .mapAsync(async (sale) => sale.amount)
      .to(totals);
  });
  expect(() => testDriver(asking)).toThrow('waits for answers (mapAsync)');
});

test('a job runs as one task, whatever its parallelism', () => {
  const shared = { ...running, graph: { ...running.graph, parallelism: 4 } };
  using t = testDriver(shared, { partitions: 2 });
  t.feed(sales, { shop: 'a', amount: 1 }, { partition: 0 });
  t.feed(sales, { shop: 'a', amount: 2 }, { partition: 1 });
  t.crash().restart();
  expect(t.read(totals).map(({ value }) => value)).toEqual([1, 3]);
  expect(t.state('totals/total').get('a')).toBe(3);
});
