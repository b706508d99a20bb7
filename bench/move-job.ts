/** What bench/move.ts runs in each of two processes: a running count with much state. */
import { job, json, keyJson, run, string, topic, value } from 'millrace';

export interface Event {
  readonly key: string;
  /** When it should have been sent, ms since the epoch with fractions. */
  readonly sent: number;
}

export const tasks = 4;
export const events = topic('events', { key: string(), value: json<Event>() });
export const counts = topic('counts', {
  key: keyJson<string>(),
  value: json<{ n: number; sent: number }>(),
});

const pad = 'x'.repeat(75);

export const counting = job(
  'counting',
  ({ from }) => {
    from(events, { quietAfter: 'off' })
      .keyBy(({ key }) => key)
      .process({
        state: { entry: value<{ n: number; pad: string }>() },
        onRecord({ sent }, { state }) {
          const n = (state.entry.get()?.n ?? 0) + 1;
          state.entry.set({ n, pad });
          return [{ n, sent }];
        },
      })
      .to(counts);
  },
  { parallelism: tasks },
);

if (process.argv[1] === import.meta.filename) {
  const handle = await run(counting, { data: process.argv[2] ?? '' });
  process.on('SIGTERM', () => handle.stop());
  await handle.done;
}
