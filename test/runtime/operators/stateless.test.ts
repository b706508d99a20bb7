import { describe, expect, test } from 'vitest';
import { partitionOf } from '../../../src/broker/index.ts';
import { job, topic } from '../../../src/dsl/index.ts';
import { json, number, string } from '../../../src/formats/index.ts';
import { type ScriptRecord, sameInEveryMode, valuesOf } from '../../support/operator-harness.ts';

interface Order {
  readonly user: string;
  readonly items: readonly string[];
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const texts = topic('texts', { key: string(), value: string() });
const others = topic('others', { key: string(), value: string() });

const given: ScriptRecord[] = [
  { key: 'o1', value: { user: 'ann', items: ['pen', 'ink'] }, timestamp: 5 },
  { key: 'o2', value: { user: 'bob', items: [] }, timestamp: 3 },
  { key: 'o3', value: { user: 'cy', items: ['cup'] }, timestamp: 9 },
  { key: 'o4', value: { user: 'ann', items: ['pot', 'pan', 'lid'] }, timestamp: 9 },
];
const [first, ...rest] = given;
const script = [{ records: first === undefined ? [] : [first] }, { records: rest }];

const headers: readonly never[] = [];

describe('map', () => {
  test('turns each value into another, and keeps key, time and order', async () => {
    const mapped = job('map', ({ from }) => {
      from(orders)
        .map((o) => o.user)
        .to(texts);
    });
    expect(await sameInEveryMode(mapped, script)).toEqual({
      'texts/0': [
        { key: 'o1', value: 'ann', timestamp: 5, headers },
        { key: 'o2', value: 'bob', timestamp: 3, headers },
        { key: 'o3', value: 'cy', timestamp: 9, headers },
        { key: 'o4', value: 'ann', timestamp: 9, headers },
      ],
    });
  });
});

describe('filter', () => {
  test('keeps the values for which it is true', async () => {
    const filtered = job('filter', ({ from }) => {
      from(orders)
        .filter((o) => o.items.length > 1)
        .map((o) => o.user)
        .to(texts);
    });
    const outputs = await sameInEveryMode(filtered, script);
    expect(outputs['texts/0']?.map(({ key }) => key)).toEqual(['o1', 'o4']);
  });

  test('that keeps nothing commits positions and no output', async () => {
    const nothing = job('nothing', ({ from }) => {
      from(orders)
        .filter(() => false)
        .map(String)
        .to(texts);
    });
    expect(await sameInEveryMode(nothing, script)).toEqual({ 'texts/0': [] });
  });
});

describe('flatMap', () => {
  test('turns each value into any number of others, in their order', async () => {
    const flat = job('flat', ({ from }) => {
      from(orders)
        .flatMap((o) => o.items)
        .to(texts);
    });
    const outputs = await sameInEveryMode(flat, script);
    expect(valuesOf(outputs, 'texts')).toEqual(['pen', 'ink', 'cup', 'pot', 'pan', 'lid']);
    expect(outputs['texts/0']?.map(({ key }) => key)).toEqual(['o1', 'o1', 'o3', 'o4', 'o4', 'o4']);
  });

  test('may be a generator', async () => {
    const flat = job('flat', ({ from }) => {
      from(orders)
        .flatMap(function* ({ items }) {
          for (const item of items) yield item.toUpperCase();
        })
        .filter((text) => text !== 'INK')
        .to(texts);
    });
    const outputs = await sameInEveryMode(flat, script);
    expect(valuesOf(outputs, 'texts')).toEqual(['PEN', 'CUP', 'POT', 'PAN', 'LID']);
  });
});

describe('keyBy', () => {
  test('makes the key that is written, and with it the partition', async () => {
    const byUser = topic('by-user', { key: json<string>(), value: json<Order>(), partitions: 3 });
    const keyed = job('keyed', ({ from }) => {
      from(orders)
        .keyBy((o) => o.user)
        .to(byUser);
    });
    const outputs = await sameInEveryMode(keyed, script);
    const wanted = ['ann', 'bob', 'cy'].map((user) => {
      const partition = partitionOf(Buffer.from(JSON.stringify(user)), 3);
      return [user, `by-user/${partition}`];
    });
    const places = Object.entries(outputs).flatMap(([place, records]) =>
      records.map(({ key }) => [key, place]),
    );
    expect(places).toHaveLength(given.length);
    expect(Object.fromEntries(places)).toEqual(Object.fromEntries(wanted));
  });

  test('tells keys apart as its codec does', async () => {
    const mixed = topic('mixed', { key: string(), value: json<{ k: unknown }>() });
    const counts = topic('counts', { key: json<unknown>(), value: json<{ n: number }>() });
    const records = [1, '1', { b: 2, a: 1 }, { a: 1, b: 2 }, null, [1], 1].map((k) => ({
      value: { k },
    }));
    const keyed = job('mixed', ({ from }) => {
      from(mixed)
        .keyBy((v) => v.k)
        .process({
          state: { n: { kind: 'value', codec: json<number>() } },
          onRecord(_value, { state }) {
            state.n.update((n = 0) => n + 1);
            return [{ n: state.n.get() ?? 0 }];
          },
        })
        .to(counts);
    });
    const outputs = await sameInEveryMode(keyed, [{ records }]);
    expect(outputs['counts/0']?.map(({ value }) => value)).toEqual(
      [1, 1, 1, 2, 1, 1, 2].map((n) => ({ n })),
    );
  });
});

describe('to', () => {
  test('writes the key it is told, in the codec of the topic', async () => {
    const byCount = topic('by-count', { key: number(), value: json<Order>() });
    const written = job('written', ({ from }) => {
      from(orders).to(byCount, { key: (o) => o.items.length });
    });
    const outputs = await sameInEveryMode(written, script);
    expect(outputs['by-count/0']?.map(({ key }) => key)).toEqual([2, 0, 1, 3]);
  });

  test('keeps records without a key in the order of their partition', async () => {
    const written = job('written', ({ from }) => {
      from(orders)
        .map((o) => o.user)
        .to(texts);
    });
    const records = given.map(({ value, timestamp = 0 }, i) => ({
      value,
      timestamp,
      partition: i % 2,
    }));
    const outputs = await sameInEveryMode(written, [{ records }]);
    expect(outputs['texts/0']?.map(({ key, value }) => [key, value])).toEqual([
      [null, 'ann'],
      [null, 'cy'],
    ]);
    expect(outputs['texts/1']?.map(({ value }) => value)).toEqual(['bob', 'ann']);
  });

  test('may stand at several ends of one stream', async () => {
    const forked = job('forked', ({ from }) => {
      const users = from(orders).map((o) => o.user);
      users.filter((user) => user.startsWith('a')).to(texts);
      users.filter((user) => !user.startsWith('a')).to(others);
    });
    const outputs = await sameInEveryMode(forked, script);
    expect(valuesOf(outputs, 'texts')).toEqual(['ann', 'ann']);
    expect(valuesOf(outputs, 'others')).toEqual(['bob', 'cy']);
  });

  test('may write one topic from several streams', async () => {
    const joined = job('joined', ({ from }) => {
      const users = from(orders).map((o) => o.user);
      users.to(texts);
      users.map((user) => user.toUpperCase()).to(texts);
    });
    const outputs = await sameInEveryMode(joined, script);
    expect(valuesOf(outputs, 'texts').toSorted()).toEqual(
      ['ann', 'bob', 'cy', 'ann', 'ANN', 'BOB', 'CY', 'ANN'].toSorted(),
    );
  });
});
