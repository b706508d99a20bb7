/** Counts for each key, with entries of about 100 bytes, and timers. */
import { job, json, keyJson, string, topic, value } from 'millrace';

export interface Event {
  readonly key: string;
  readonly n: number;
  readonly timer: boolean;
}

interface Entry {
  readonly n: number;
  readonly pad: string;
}

export const events = topic('events', { key: string(), value: json<Event>() });
export const counts = topic('counts', { key: keyJson<string>(), value: json<number>() });

const pad = 'x'.repeat(75);

export const counting = job('counting', ({ from }) => {
  from(events, { quietAfter: 'off' })
    .keyBy(({ key }) => key)
    .process({
      name: 'counting',
      state: { entry: value<Entry>() },
      onRecord({ n, timer }, { state, timers }) {
        state.entry.set({ n, pad });
        if (timer) timers.event.set(1_000_000);
        return n === 2 ? [n] : [];
      },
      onTimer: (_, { state }) => [state.entry.get()?.n ?? -1],
    })
    .to(counts);
});

// biome-ignore lint/style/noDefaultExport: what `millrace run` takes
export default counting;
