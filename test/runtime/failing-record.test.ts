/**
 * A record that makes a function of the user throw leaves nothing: no state, no timer, no output,
 * and nothing of the epoch it was in. The job fails, and once it is corrected, it goes on where it
 * stood: in the end its output is that of a job that never failed.
 */
import { describe, expect, test } from 'vitest';
import { count, job, sum, topic, tumbling, value } from '../../src/dsl/index.ts';
import { json, keyJson, string } from '../../src/formats/index.ts';
import type { Job } from '../../src/runtime/index.ts';
import { ScriptRun, sameInEveryMode } from '../support/operator-harness.ts';
import { type Mode, otherModes, plainMode } from '../support/operator-harness-modes.ts';

interface Order {
  readonly user: string;
  readonly at: number;
  readonly price: number;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const all = <Value>() => topic('all', { key: keyJson<string>(), value: json<Value>() });
const byOrder = { eventTime: (o: Order) => o.at, quietAfter: 'off' } as const;

const order = (user: string, at: number, price = 1) => ({
  key: user,
  value: { user, at, price },
});

/** Throws for the price 13, while the job is broken. */
type Check = (price: number) => void;

const places: Record<string, (check: Check) => Job> = {
  'process, after it has set state and a timer and emitted': (check) =>
    job('failing', ({ from }) => {
      from(orders, byOrder)
        .keyBy((o) => o.user)
        .process({
          state: { seen: value<number>() },
          *onRecord({ price, at }, { state, timers }) {
            state.seen.update((n = 0) => n + 1);
            timers.event.set(at + 3);
            timers.processing.set(at);
            yield { seen: state.seen.get() };
            check(price);
            yield { price };
          },
          onTimer: ({ kind, time }, { state }) => [{ kind, time, seen: state.seen.get() }],
        })
        .to(all());
    }),
  'a step behind one that has changed state': (check) =>
    job('failing', ({ from }) => {
      from(orders, byOrder)
        .keyBy((o) => o.user)
        .aggregate({ n: count(), total: sum((o) => o.price) })
        .map((totals) => {
          check(totals.total);
          return totals;
        })
        .to(all());
    }),
  'an aggregate of a window': (check) =>
    job('failing', ({ from }) => {
      from(orders, byOrder)
        .keyBy((o) => o.user)
        .window(tumbling(10))
        .aggregate({
          n: count(),
          total: sum(({ price }) => {
            check(price);
            return price;
          }),
        })
        .to(all());
    }),
  'a step behind a window that has fired': (check) =>
    job('failing', ({ from }) => {
      from(orders, byOrder)
        .keyBy((o) => o.user)
        .window(tumbling(10))
        .aggregate({ total: sum((o) => o.price) })
        .map((result) => {
          check(result.total);
          return result;
        })
        .to(all());
    }),
  'a timer': (check) =>
    job('failing', ({ from }) => {
      from(orders, byOrder)
        .keyBy((o) => o.user)
        .process({
          state: { last: value<number>() },
          onRecord({ price, at }, { state, timers }) {
            state.last.set(price);
            timers.event.set(at + 1);
          },
          *onTimer({ time }, { state, timers }) {
            const last = state.last.get() ?? 0;
            state.last.clear();
            timers.event.set(time + 100);
            yield { time };
            check(last);
          },
        })
        .to(all());
    }),
};

const script = [
  [order('a', 1), order('b', 2), order('a', 3, 2)],
  [order('b', 4), order('c', 5, 13), order('a', 18), order('c', 30)],
  [order('c', 31, 5), order('a', 52)],
];

const modes: Mode[] = [
  plainMode,
  ...otherModes.filter(({ name }) => ['one record at a time', 'odd sizes'].includes(name)),
];

describe.each(Object.entries(places))('a record that fails in %s', (_place, jobOf) => {
  const broken = jobOf((price) => {
    if (price === 13) throw new Error('an unlucky number');
  });
  const mended = jobOf(() => {});

  test.each(modes)('leaves nothing ($name)', async (mode) => {
    const expected = await sameInEveryMode(
      mended,
      script.map((records) => ({ records })),
      { modes: [] },
    );
    const run = new ScriptRun(broken, mode);
    await run.makeTopics(1);
    await run.start();
    let failures = 0;
    for (const records of script) {
      try {
        await run.append(records);
      } catch (error) {
        failures++;
        expect(error).toMatchObject({ code: 'USER_FUNCTION' });
        expect(String(error)).toMatch(/Step ".+" .+ failed: an unlucky number .+ keyed "c"/);
        await expect(run.start()).rejects.toThrow('an unlucky number'); // where it stood
        await run.start(mended);
      }
    }
    await run.finish(true);
    expect(failures).toBe(1);
    expect(run.outputs()).toEqual(expected);
  });
});
