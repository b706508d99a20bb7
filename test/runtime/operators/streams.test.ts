/** Streams that come together and part: union, split, connect, several sources and sinks. */
import { describe, expect, test } from 'vitest';
import { count, job, topic, tumbling, value } from '../../../src/dsl/index.ts';
import { json, keyJson, number, string } from '../../../src/formats/index.ts';
import { describeGraph } from '../../../src/runtime/index.ts';
import { type ScriptStep, sameInEveryMode, valuesOf } from '../../support/operator-harness.ts';

interface Order {
  readonly id: string;
  readonly price: number;
}

interface Payment {
  readonly order: string;
  readonly amount: number;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const more = topic('more', { key: string(), value: json<Order>() });
const payments = topic('payments', { key: string(), value: json<Payment>() });
const texts = topic('texts', { key: string(), value: string(), partitions: 1 });
const others = topic('others', { key: string(), value: string(), partitions: 1 });
const rest = topic('rest', { key: string(), value: string(), partitions: 1 });
const results = topic('results', { key: keyJson<string>(), value: json<unknown>(), partitions: 1 });

const order = (id: string, price: number, timestamp: number) => ({
  key: `key of ${id}`,
  value: { id, price },
  timestamp,
});
const into = (name: string, ...records: readonly { readonly timestamp: number }[]) =>
  records.map((record) => ({ ...record, topic: name }) as never);

const script: ScriptStep[] = [
  {
    records: [
      ...into('orders', order('a', 1, 10), order('b', 20, 30)),
      ...into('more', order('c', 300, 20), order('d', 4, 40)),
    ],
  },
  { records: [...into('more', order('e', 50, 60)), ...into('orders', order('f', 600, 50))] },
];

describe('union', () => {
  test('has the records of all streams, in the order of event time, with their keys', async () => {
    const both = job('both', ({ from }) => {
      from(orders)
        .union(from(more).filter(({ id }) => id !== 'd'))
        .map(({ id }) => id)
        .to(texts);
    });
    const outputs = await sameInEveryMode(both, script);
    expect(outputs['texts/0']?.map(({ key, value: id }) => [key, id])).toEqual(
      ['a', 'c', 'b', 'f', 'e'].map((id) => [`key of ${id}`, id]),
    );
  });

  test('of keyed streams has one state for each key, and stays keyed', async () => {
    const totals = job('totals', ({ from }) => {
      const keyed = (of: typeof orders) => from(of).keyBy(({ price }) => String(price).length);
      keyed(orders)
        .union(keyed(more))
        .aggregate({ n: count() })
        .to(topic('results', { key: keyJson<number>(), value: json<{ n: number }>() }));
    });
    const outputs = await sameInEveryMode(totals, script);
    const last = Object.fromEntries((outputs['results/0'] ?? []).map((r) => [r.key, r.value]));
    expect(last).toEqual({ 1: { n: 2 }, 2: { n: 2 }, 3: { n: 2 } });
  });

  test('with itself has every record twice', async () => {
    const twice = job('twice', ({ from }) => {
      const ids = from(orders).map(({ id }) => id);
      ids.union(ids).to(texts);
    });
    const records = into('orders', order('a', 1, 10), order('b', 20, 30));
    const outputs = await sameInEveryMode(twice, [{ records }]);
    expect(valuesOf(outputs, 'texts')).toEqual(['a', 'a', 'b', 'b']);
  });

  test('waits with a window until all streams have come so far', async () => {
    const hourly = job('hourly', ({ from }) => {
      from(orders, { quietAfter: 'off' })
        .union(from(more, { quietAfter: 'off' }))
        .keyBy(() => 'all')
        .window(tumbling(25))
        .aggregate({ n: count() })
        .to(results);
    });
    const outputs = await sameInEveryMode(hourly, script);
    expect(valuesOf(outputs, 'results')).toEqual([
      { n: 2, windowStart: 0, windowEnd: 25 },
      { n: 2, windowStart: 25, windowEnd: 50 },
      { n: 2, windowStart: 50, windowEnd: 75 },
    ]);
  });

  test('is refused of streams that can not come together', () => {
    let foreign: unknown;
    job('other', ({ from }) => {
      const stream = from(orders);
      foreign = stream;
      stream.map(({ id }) => id).to(texts);
    });
    const building = (build: Parameters<typeof job>[1]) => () => job('x', build);
    const message = 'Job "x": union() takes streams of the same job.';
    expect(building(({ from }) => void from(orders).union(foreign as never))).toThrow(message);
    expect(building(({ from }) => void from(orders).union('more' as never))).toThrow(message);
    expect(
      building(({ from }) => {
        const byId = from(orders).keyBy(({ id }) => id);
        byId.union(from(more).keyBy(({ id }) => id, { key: string() }));
      }),
    ).toThrow(
      'union() takes keyed streams of the same job whose keys have one codec, not key-json and ' +
        'string. Call keyBy() on both alike.',
    );
  });
});

describe('split', () => {
  test('sends each record to the first branch that takes it, or to the rest', async () => {
    const parted = job('parted', ({ from }) => {
      const parts = from(orders).split({
        small: ({ price }) => price < 10,
        medium: ({ price }) => price < 100,
      });
      parts.small.map(({ id }) => id).to(texts);
      parts.medium.map(({ id }) => id).to(others);
      parts.rest.map(({ id }) => id).to(rest);
    });
    const outputs = await sameInEveryMode(parted, [
      { records: into('orders', order('a', 1, 1), order('b', 20, 2), order('c', 300, 3)) },
      { records: into('orders', order('d', 400, 4), order('e', 5, 5)) },
    ]);
    expect(valuesOf(outputs, 'texts')).toEqual(['a', 'e']);
    expect(valuesOf(outputs, 'others')).toEqual(['b']);
    expect(valuesOf(outputs, 'rest')).toEqual(['c', 'd']);
  });

  test('of a keyed stream gives keyed ones, and a branch that nobody reads is dropped', async () => {
    const counted = job('counted', ({ from }) => {
      const { even } = from(orders)
        .keyBy(({ id }) => id)
        .split({ odd: ({ price }) => price % 2 === 1, even: () => true });
      even.aggregate({ n: count() }).to(results);
    });
    const outputs = await sameInEveryMode(counted, [
      { records: into('orders', order('a', 1, 1), order('a', 2, 2), order('a', 4, 3)) },
    ]);
    expect(valuesOf(outputs, 'results')).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test.each([
    [{}, 'split(): it needs at least one branch'],
    [{ rest: () => true }, 'split(): rest is what no branch takes; name yours otherwise'],
    [{ '1': () => true }, 'split(): a branch can\'t be named "1"'],
    [{ big: 10 }, 'split(): branch "big" takes a function of the value, not 10'],
  ])('is refused where it makes no sense (%#)', (tests, message) => {
    expect(() => job('x', ({ from }) => void from(orders).split(tests as never))).toThrow(message);
  });
});

describe('connect', () => {
  const paying = job('paying', ({ from }) => {
    from(orders)
      .keyBy(({ id }) => id)
      .connect(from(payments).keyBy((payment) => payment.order))
      .process({
        name: 'paying',
        state: { due: value<number>() },
        *onLeft({ price }, { state, timers, timestamp }) {
          state.due.update((due = 0) => due + price);
          timers.event.set(timestamp + 100);
        },
        *onRight({ amount }, { key, state }) {
          state.due.update((due = 0) => due - amount);
          yield { key, due: state.due.get() };
        },
        *onTimer(_, { key, state }) {
          yield { key, overdue: state.due.get() };
        },
      })
      .to(results);
  });

  test('lets the records of both sides share state and timers', async () => {
    const pay = (of: string, amount: number, timestamp: number) => ({
      key: 'any',
      value: { order: of, amount },
      timestamp,
    });
    const outputs = await sameInEveryMode(paying, [
      { records: [...into('orders', order('a', 10, 5)), ...into('payments', pay('a', 4, 7))] },
      { records: [...into('payments', pay('a', 6, 300)), ...into('orders', order('b', 1, 310))] },
    ]);
    expect(valuesOf(outputs, 'results')).toEqual([
      { key: 'a', due: 6 },
      { key: 'a', overdue: 6 },
      { key: 'a', due: 0 },
      { key: 'b', overdue: 1 },
    ]);
  });

  test('is refused of streams with other keys, and without a side', () => {
    const building = (build: Parameters<typeof job>[1]) => () => job('x', build);
    expect(
      building(({ from }) => {
        const left = from(orders).keyBy(({ price }) => price, { key: number() });
        left.connect(from(payments).keyBy(({ amount }) => amount));
      }),
    ).toThrow(
      'connect() takes keyed streams of the same job whose keys have one codec, not number',
    );
    expect(
      building(({ from }) => {
        const byId = from(orders).keyBy(({ id }) => id);
        byId.connect(byId).process({ onLeft: () => [] } as never);
      }),
    ).toThrow('process() of two connected streams needs onRight().');
  });
});

test('explain shows where streams come together and part', () => {
  const mixed = job('mixed', ({ from }) => {
    const { large } = from(orders).split({ large: ({ price }) => price > 9 }, { name: 'size' });
    const all = large.union(from(more));
    all
      .keyBy(({ id }) => id)
      .aggregate({ n: count() })
      .to(results);
  });
  const lines = describeGraph(mixed.graph).split('\n');
  const steps = lines.map((line) => line.replace(/ \(.*/, ''));
  expect(steps).toEqual([
    'job mixed',
    '  from orders',
    '    split "size"',
    '      branch large: union 3 of 2 streams',
    '        keyBy',
    '          aggregate [state aggregate-of-orders+more-keyed-1]',
    '            to results',
    '  from more',
    '    into union 3',
    '',
  ]);
});
