/** What `mapAsync` and `connectBroadcast` take and give. The compiler is the test. */
import { job, json, list, map, string, topic, value } from 'millrace';

interface Order {
  readonly id: string;
  readonly city: string;
}

interface Rule {
  readonly name: string;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const rules = topic('rules', { key: string(), value: json<Rule>() });
const numbers = topic('numbers', { key: string(), value: json<number>() });

export const asking = job('asking', ({ from }) => {
  const asked = from(orders).mapAsync(async ({ id }, { signal }) => {
    // @ts-expect-error a signal is no number
    const wrong: number = signal;
    return id.length + wrong;
  });
  asked.to(numbers);
  // @ts-expect-error the results are numbers
  asked.to(orders);
  // @ts-expect-error the function must be asynchronous
  from(orders).mapAsync((order) => order.id);
  // @ts-expect-error orders have no country
  from(orders).mapAsync(async (o) => o.id, { memo: { key: (o) => o.country } });
  // @ts-expect-error a memo has a key
  from(orders).mapAsync(async (o) => o.id, { memo: { ttl: '1h' } });
  // @ts-expect-error results are texts
  from(orders).mapAsync(async (o) => o.id, { result: json<number>() });
  // @ts-expect-error there is no such order
  from(orders).mapAsync(async (o) => o.id, { order: 'any' });
  const withoutKeys = from(orders).mapAsync(async (o) => o.id);
  // @ts-expect-error without keys there are no windows
  withoutKeys.countWindow(2);
  const keyed = from(orders)
    .keyBy((o) => o.city)
    .mapAsync(async (o) => o.id.length);
  keyed.countWindow(2);
});

export const broadcasting = job('broadcasting', ({ from }) => {
  const byCity = from(orders).keyBy((o) => o.city);
  const found = byCity.connectBroadcast(from(rules)).process({
    state: { n: value<number>() },
    broadcast: { all: list<Rule>(), byName: map<string, number>() },
    onRecord({ id }, { state, broadcast, key }) {
      state.n.set(1);
      // @ts-expect-error a key only reads what is broadcast
      broadcast.all.add({ name: id });
      // @ts-expect-error likewise
      broadcast.byName.set(id, 1);
      const n: number = broadcast.byName.get(key) ?? 0;
      return [n];
    },
    onBroadcast({ name }, { broadcast, visitKeys, ...others }) {
      broadcast.byName.set(name, 1);
      visitKeys();
      // @ts-expect-error a broadcast record has no key
      others.key;
      // @ts-expect-error nor the state of one
      others.state;
    },
    onKey({ broadcast }) {
      // @ts-expect-error likewise
      broadcast.all.clear();
      return [[...broadcast.all.values()].length];
    },
  });
  found.to(numbers);
  // @ts-expect-error broadcast state is needed
  byCity.connectBroadcast(from(rules)).process({ onRecord: () => [], onBroadcast: () => {} });
  // @ts-expect-error what sees broadcast state has keys
  from(orders).connectBroadcast(from(rules));
});
