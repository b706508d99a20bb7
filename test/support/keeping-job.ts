/** A job that keeps something of everything that keeps state, and uses both kinds of time. */
import { count, job, list, map, sum, topic, tumbling, value } from '../../src/dsl/index.ts';
import { json, keyJson } from '../../src/formats/index.ts';
import type { Job } from '../../src/runtime/index.ts';
import { readings } from './operator-harness-scripts.ts';

const [windows, late, running, kept] = ['windows', 'late', 'running', 'kept'].map((name) =>
  topic(name, { key: keyJson<unknown>(), value: json<unknown>() }),
) as [T, T, T, T];
type T = ReturnType<typeof topic<unknown, unknown>>;

export const keeping: Job = job('keeping', ({ from }) => {
  const byKey = from(readings, {
    eventTime: (r) => r.at,
    outOfOrderness: 10,
    idleAfter: '4s',
    quietAfter: '15s',
  }).keyBy((r) => r.key);
  const windowed = byKey.window(tumbling(20)).aggregate({ n: count(), total: sum((r) => r.n) });
  windowed.to(windows);
  windowed.late.to(late);
  byKey.aggregate({ n: count() }, { ttl: '9s' }).to(running);
  byKey
    .process({
      state: {
        last: value<number>(),
        all: list<number>({ ttl: 30 }),
        some: list<number>({ ttl: { after: '9s', time: 'processing' } }),
        items: map<string, number>({ ttl: { after: 25, refresh: 'read and write' } }),
      },
      onRecord({ at, n }, { state, timers, now }) {
        state.last.update((before = 0) => Math.max(before, at));
        state.all.add(n, { ttl: n % 3 === 0 ? 1 + Math.abs(n) : 30 });
        if (n % 4 === 0) state.some.add(n, { ttl: '1s' });
        else state.some.add(n);
        if (n < -15) state.all.clear();
        if (n % 2 === 0) state.items.set(`${n % 5}`, n);
        else state.items.delete(`${n % 5}`);
        timers.event.set(at + Math.abs(n));
        timers.processing.set(now + Math.abs(n) * 1000);
        if (n === 7) timers.event.delete(at + 3);
        return n % 7 === 0 ? [[...state.all.values()]] : [];
      },
      onTimer: ({ kind, time }, { state }) => [[kind, time, state.last.get() ?? null]],
      onExpire: ({ state, value: was }) => [[state, was]],
    })
    .to(kept);
});
