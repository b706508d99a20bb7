/** Stateless steps do not count: adding, moving or removing them keeps the state of the others. */
import { describe, expect, test } from 'vitest';
import {
  count,
  job,
  type KeyedStream,
  list,
  type Stream,
  topic,
  tumbling,
} from '../../src/dsl/index.ts';
import { json, string } from '../../src/formats/index.ts';
import type { Job } from '../../src/runtime/index.ts';
import { ScriptRun, valuesOf } from '../support/operator-harness.ts';
import { type Mode, otherModes, plainMode } from '../support/operator-harness-modes.ts';

interface Order {
  readonly user: string;
  readonly at: number;
  readonly price: number;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const told = topic('told', { key: string(), value: json<string>() });
const isPaid = ({ price }: Order) => price > 0;
const userOf = ({ user }: Order) => user;

type Keyed = KeyedStream<Order, string>;

/** Ways to the same keyed stream of paid orders. */
const arrangements: Readonly<Record<string, (of: Stream<Order, string>) => Keyed>> = {
  'a filter before the keys': (of) => of.filter(isPaid).keyBy(userOf),
  'it moved behind them': (of) => of.keyBy(userOf).filter(isPaid),
  'others added': (of) =>
    of
      .map((order) => ({ ...order, note: 'read' }))
      .flatMap((order) => (isPaid(order) ? [order] : []))
      .keyBy(userOf)
      .map(({ user, at, price }) => ({ user, at, price })),
};

function arranged(name: string): Job {
  return job('arranged', ({ from }) => {
    const stream = from(orders, { eventTime: (order) => order.at, quietAfter: 'off' });
    const paid = arrangements[name]?.(stream) ?? stream.keyBy(userOf);
    const tell = (texts: Stream<string, string>) => {
      const shown = name === 'others added' ? texts.filter(() => true) : texts;
      shown.to(told);
    };
    tell(paid.aggregate({ n: count() }).map(({ n }) => `running ${n}`));
    tell(
      paid
        .window(tumbling('10s'))
        .aggregate({ n: count() })
        .map(({ n }) => `window ${n}`),
    );
    tell(
      paid.process({
        state: { prices: list<number>({ ttl: '20s' }) },
        onRecord({ at, price }, { state, timers }) {
          state.prices.add(price);
          timers.event.set(at + 5000);
          return [`prices ${[...state.prices.values()]}`];
        },
        onTimer: ({ time }) => [`timer ${time}`],
        onExpire: ({ value }) => [`expired ${value}`],
      }),
    );
  });
}

const before = [
  { user: 'ada', at: 1000, price: 3 },
  { user: 'bob', at: 2000, price: 0 },
  { user: 'bob', at: 2500, price: 4 },
];
const after = [
  { user: 'ada', at: 3000, price: 5 },
  { user: 'bob', at: 7000, price: 6 },
  { user: 'eve', at: 21_500, price: 7 },
];

async function outputsOf(mode: Mode, first: string, then: string): Promise<unknown[]> {
  const script = new ScriptRun(arranged(first), mode);
  await script.makeTopics(1);
  await script.start();
  await script.append(before.map((value) => ({ value })));
  await script.stop();
  await script.start(arranged(then));
  await script.append(after.map((value) => ({ value })));
  await script.finish(true);
  return valuesOf(script.outputs(), 'told');
}

const names = Object.keys(arrangements);
const changes = names.flatMap((a) => names.filter((b) => a !== b).map((b) => [a, b] as const));
const modes = [plainMode, ...otherModes.filter(({ name }) => name.startsWith('next to no memory'))];

describe.each(modes)('$name', (mode) => {
  test.each(changes)('a job with %s goes on with %s', async (first, then) => {
    const expected = await outputsOf(mode, then, then);
    expect(expected).toEqual(expect.arrayContaining(['running 2', 'window 2', 'prices 3,5']));
    expect(expected).toEqual(expect.arrayContaining(['timer 6000', 'expired 3']));
    expect(await outputsOf(mode, first, then)).toEqual(expected);
  });
});
