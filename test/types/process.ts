/** What a `process` step may do with its record, key, state and timers. The compiler is the test. */
import {
  aggregating,
  count,
  job,
  json,
  list,
  map,
  reducing,
  string,
  sum,
  topic,
  value,
} from 'millrace';

interface Click {
  readonly user: string;
  readonly at: number;
}

const clicks = topic('clicks', { key: string(), value: json<Click>() });
const results = topic('results', { key: string(), value: json<{ user: string; n: number }>() });

export const counting = job('counting', ({ from }) => {
  from(clicks)
    .keyBy(({ user }) => user)
    .process({
      state: { n: value<number>(), last: value<Click>() },
      onRecord(click, { key, state, timers }) {
        state.last.set(click);
        state.n.update((n = 0) => n + 1);
        timers.event.set(click.at + 1000);
        // @ts-expect-error there is no such state
        state.m.clear();
        // @ts-expect-error the state holds numbers
        state.n.set('1');
        // @ts-expect-error there may be no value yet
        const n: number = state.n.get();
        // @ts-expect-error keys are strings here
        const wrong: number = key;
        // @ts-expect-error records have no such field
        click.session;
        return [{ user: key, n: n + wrong }];
      },
      onTimer(timer, { key, state }) {
        return [{ user: key, n: (state.n.get() ?? 0) + timer.time }];
      },
    })
    .to(results);
});

export const keeping = job('keeping', ({ from }) => {
  from(clicks)
    .keyBy(({ user }) => user)
    .process({
      state: {
        all: list<Click>(),
        byTime: map<number, Click>(),
        first: reducing<Click>((a, b) => (a.at < b.at ? a : b)),
        total: aggregating(sum((click: Click) => click.at)),
        stats: aggregating({ n: count() }),
      },
      onRecord(click, { state }) {
        state.all.add(click);
        state.byTime.set(click.at, click);
        state.first.add(click);
        state.total.add(click);
        state.stats.add(click);
        const [one] = state.byTime.keys();
        const at: number | undefined = one;
        // @ts-expect-error the list holds clicks
        state.all.add('click');
        // @ts-expect-error items of the map are numbers
        state.byTime.get('1');
        // @ts-expect-error a list has no element under a key
        state.all.get(0);
        // @ts-expect-error what is combined is a click
        state.first.add(1);
        // @ts-expect-error nothing may have been added yet
        const total: number = state.total.get();
        const n: number | undefined = state.stats.get()?.n;
        return [{ user: click.user, n: (n ?? 0) + total + (at ?? 0) }];
      },
    })
    .to(results);
});

export const ageing = job('ageing', ({ from }) => {
  from(clicks)
    .keyBy(({ user }) => user)
    .process({
      state: {
        last: value<Click>({ ttl: '7d' }),
        text: value({ codec: string(), ttl: { after: '1h', time: 'processing' } }),
        byTime: map<number, Click>({ ttl: { after: 1000, refresh: 'read and write' } }),
        stats: aggregating({ n: count() }, { ttl: '1h' }),
      },
      onRecord(click, { state }) {
        state.last.set(click, { ttl: '1h' });
        state.byTime.set(click.at, click, { ttl: 1000 });
        // @ts-expect-error a time-to-live is a duration
        state.last.set(click, { ttl: true });
        // @ts-expect-error an aggregate is one entry
        state.stats.add(click, { ttl: '1h' });
      },
      onExpire(expired, { key }) {
        // @ts-expect-error only elements of maps have an item
        expired.item;
        // @ts-expect-error there is no such state
        if (expired.state === 'first') return [];
        if (expired.state === 'byTime') return [{ user: key, n: expired.item + expired.value.at }];
        if (expired.state === 'stats') return [{ user: key, n: expired.value.n }];
        if (expired.state === 'text') return [{ user: expired.value, n: 0 }];
        return [{ user: expired.value.user, n: expired.value.at }];
      },
    })
    .to(results);
  // @ts-expect-error by one time or the other
  value<number>({ ttl: { after: '1h', time: 'wall' } });
  // @ts-expect-error how long must be said
  list<number>({ ttl: { time: 'event' } });
});

export const without = job('without', ({ from }) => {
  // @ts-expect-error state is for streams with keys
  from(clicks).process({ onRecord: () => [] });
  // @ts-expect-error so are windows and aggregates
  from(clicks).aggregate({});
});
