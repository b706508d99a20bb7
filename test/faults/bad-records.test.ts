/**
 * A record that can't be decoded, that makes a function of the user throw, or that comes to
 * something that can't be encoded: the job fails and says step, topic, partition, offset and key.
 * After the fix it goes on exactly where it stood. What a failing record leaves of its own
 * (nothing) is in test/runtime/failing-record.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { count, job, topic, tumbling, value } from '../../src/dsl/index.ts';
import { json, keyJson, string } from '../../src/formats/index.ts';
import type { ErrorCode } from '../../src/platform/index.ts';
import type { Job } from '../../src/runtime/index.ts';
import { type ScriptRecord, ScriptRun } from '../support/operator-harness.ts';

interface Order {
  readonly user: string;
  readonly at: number;
  readonly price: number;
}

/** What a broken job does with the price 13, and a mended one does not. */
type Do<Out> = (order: { readonly price: number }, whenGood: Out) => Out;

interface Place {
  readonly code: ErrorCode;
  /** How the message begins. */
  readonly says: RegExp;
  /** The key that the stream has there, where it is not the record's own. */
  readonly keyed?: string;
  /** Known only for records, not for windows and timers that fall due. */
  readonly isDue?: boolean;
  jobOf(on13: <Out>(bad: () => Out) => Do<Out>): Job;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const out = <Value>(codec = json<Value>()) =>
  topic('out', { key: keyJson<unknown>(), value: codec, partitions: 1 });
const byTime = { eventTime: (o: Order) => o.at, quietAfter: 'off' } as const;
const thrown = (): never => {
  throw new Error('an unlucky number');
};

/** Decodes the price 13 to what `bad` makes of it: an error, while the job is broken. */
function fragileOrders(on13: Do<Order>) {
  const plain = json<Order>();
  const decode = (bytes: Uint8Array, start: number, end: number) => {
    const order = plain.decode(bytes, start, end);
    return on13(order, order);
  };
  return topic('orders', { key: string(), value: { ...plain, decode } });
}

const places: Record<string, Place> = {
  'the value codec of a topic': {
    code: 'DECODE',
    says: /^A record can't be decoded as json: an unlucky number .* Correct the codec/,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(fragileOrders(on13<Order>(thrown)), byTime).to(out<Order>());
      }),
  },
  eventTime: {
    code: 'USER_FUNCTION',
    says: /^The eventTime function of from\(orders\) threw: an unlucky number/,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        const eventTime = (o: Order) => on13<number>(thrown)(o, o.at);
        from(orders, { ...byTime, eventTime }).to(out<Order>());
      }),
  },
  'eventTime, which returns NaN,': {
    code: 'USER_FUNCTION',
    says: /^The eventTime function of from\(orders\) returned NaN/,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        const eventTime = (o: Order) => on13(() => Number.NaN)(o, o.at);
        from(orders, { ...byTime, eventTime }).to(out<Order>());
      }),
  },
  map: {
    code: 'USER_FUNCTION',
    says: /^Step "map-1 of orders" \(map\) failed: an unlucky number/,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(orders, byTime)
          .map((o) => on13<Order>(thrown)(o, o))
          .to(out<Order>());
      }),
  },
  'filter, which has a name,': {
    code: 'USER_FUNCTION',
    says: /^Step "cheap" \(filter\) failed: an unlucky number/,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(orders, byTime)
          .filter((o) => on13<boolean>(thrown)(o, true), { name: 'cheap' })
          .to(out<Order>());
      }),
  },
  'flatMap, after it has given a part,': {
    code: 'USER_FUNCTION',
    says: /^Step "flatMap-1 of orders" \(flatMap\) failed: an unlucky number/,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(orders, byTime)
          .flatMap(function* (o) {
            yield o.at;
            yield on13<number>(thrown)(o, o.price);
          })
          .to(out<number>());
      }),
  },
  keyBy: {
    code: 'USER_FUNCTION',
    says: /^Step "keyBy-1 of orders" \(keyBy\) failed: an unlucky number/,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(orders, byTime)
          .keyBy((o) => on13<string>(thrown)(o, o.user))
          .aggregate({ n: count() })
          .to(out<{ n: number }>());
      }),
  },
  "keyBy, whose key can't be encoded,": {
    code: 'ENCODE',
    says: /^Step "keyBy-1 of orders" \(keyBy\) failed: .*NaN/,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(orders, byTime)
          .keyBy((o) => on13(() => Number.NaN)(o, o.at))
          .aggregate({ n: count() })
          .to(out<{ n: number }>());
      }),
  },
  reduce: {
    code: 'USER_FUNCTION',
    says: /^Step "reduce-of-orders-keyed-1" \(reduce\) failed: an unlucky number/,
    keyed: 'b',
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(orders, byTime)
          .keyBy((o) => o.user)
          .reduce((sum, o) => on13<Order>(thrown)(o, { ...o, price: sum.price + o.price }))
          .to(out<Order>());
      }),
  },
  'process, after it has changed its state,': {
    code: 'USER_FUNCTION',
    says: /^Step "totals" \(process\) failed: an unlucky number/,
    keyed: 'b',
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(orders, byTime)
          .keyBy((o) => o.user)
          .process({
            name: 'totals',
            state: { total: value<number>() },
            onRecord(o, { state }) {
              state.total.update((total = 0) => total + o.price);
              return [on13<number | undefined>(thrown)(o, state.total.get()) ?? 0];
            },
          })
          .to(out<number>());
      }),
  },
  "process, whose state can't be encoded,": {
    code: 'ENCODE',
    says: /total/,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(orders, byTime)
          .keyBy((o) => o.user)
          .process({
            name: 'totals',
            state: { total: value<number>() },
            onRecord(o, { state }) {
              state.total.set(on13(() => Number.NaN)(o, o.price));
              return [o.price];
            },
          })
          .to(out<number>());
      }),
  },
  'a timer': {
    code: 'USER_FUNCTION',
    says: /^Step "timers" \(process\) failed: an unlucky number/,
    keyed: 'b',
    isDue: true,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(orders, byTime)
          .keyBy((o) => o.user)
          .process({
            name: 'timers',
            state: { price: value<number>() },
            onRecord(o, { state, timers }) {
              state.price.update((price = 0) => Math.max(price, o.price));
              timers.event.set(o.at + 1);
            },
            onTimer: (_, { state }) => {
              const price = state.price.get() ?? 0;
              return [on13<number>(thrown)({ price }, price)];
            },
          })
          .to(out<number>());
      }),
  },
  'a step behind a window': {
    code: 'USER_FUNCTION',
    says: /^Step "map-3 of orders" \(map\) failed: an unlucky number/,
    keyed: 'b',
    isDue: true,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(orders, byTime)
          .keyBy((o) => o.user)
          .window(tumbling(1))
          .reduce((_, o) => o)
          .map((o) => on13<number>(thrown)(o, o.price))
          .to(out<number>());
      }),
  },
  "the value of a topic, which can't be encoded,": {
    code: 'ENCODE',
    says: /^Step "to-out" \(sink\) failed: The value of a record for topic "out" can't be encoded/,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(orders, byTime)
          .map((o) => on13(() => Number.NaN)(o, o.price))
          .to(out<number>());
      }),
  },
  "the key of a topic, which can't be encoded,": {
    code: 'ENCODE',
    says: /^Step "to-out" \(sink\) failed: The key of a record for topic "out" can't be encoded/,
    jobOf: (on13) =>
      job('failing', ({ from }) => {
        from(orders, byTime).to(out<Order>(), {
          key: (o) => on13<unknown>(() => Number.NaN)(o, o.at),
        });
      }),
  },
};

const order = (user: string, at: number, price: number): ScriptRecord => ({
  key: user,
  value: { user, at, price },
  partition: user === 'b' ? 1 : 0,
});

/** The one that fails is at offset 2 of partition 1, in the middle of what comes at once. */
const script = [
  [order('a', 1, 1), order('b', 2, 2), order('b', 3, 4)],
  [order('a', 4, 5), order('b', 5, 13), order('b', 6, 7), order('a', 7, 8)],
  [order('b', 20, 1), order('a', 21, 2)],
];

async function outputsOf(run: ScriptRun): Promise<unknown> {
  await run.finish(true);
  return run.outputs();
}

describe.each(Object.entries(places))('a record that fails in %s', (_, place) => {
  const broken = place.jobOf((bad) => (o, whenGood) => (o.price === 13 ? bad() : whenGood));
  const mended = place.jobOf(() => (_o, whenGood) => whenGood);

  test('is told with its place, and read again after the fix', async () => {
    const intact = new ScriptRun(mended);
    await intact.makeTopics(2);
    await intact.start();
    for (const records of script) await intact.append(records);
    const expected = await outputsOf(intact);

    const run = new ScriptRun(broken);
    await run.makeTopics(2);
    await run.start();
    let failures = 0;
    for (const records of script) {
      const failure: unknown = await run.append(records).catch((error: unknown) => error);
      if (failure === undefined) continue;
      failures++;
      expectTold(failure, place);
      expect(run.handle.status().state).toBe('failed');
      await expect(run.start()).rejects.toThrow(place.says); // it stands where it stood
      await run.start(mended);
      const read = run.handle.metrics().recordsRead;
      expect(read).toBe(records.length); // again all that was not committed, and nothing else
    }
    expect(failures).toBe(1);
    expect(await outputsOf(run)).toEqual(expected);
  });
});

function expectTold(failure: unknown, { code, says, keyed, isDue }: Place): void {
  expect(failure).toMatchObject({ code, retryable: false });
  const { message } = failure as Error; // matched
  expect(message).toMatch(says);
  if (isDue !== true) {
    expect(message).toContain('topic orders, partition 1, offset 2, key ');
    expect(message).toMatch(/key "?b/);
  }
  if (keyed !== undefined) expect(message).toContain(`keyed "${keyed}"`);
}
