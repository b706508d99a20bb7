/** Which windows fit which streams. Nothing here runs: the compiler is the test. */
import { calendar, count, hopping, job, json, session, string, topic, windows } from 'millrace';

interface Flight {
  readonly origin: string;
  readonly delay: number;
}

const key = string();
const flights = topic('flights', { key, value: json<Flight>() });
const counts = topic('counts', {
  key,
  value: json<{ n: number; windowStart: number; windowEnd: number }>(),
});

export const assigners = job('assigners', ({ from }) => {
  const keyed = from(flights).keyBy(({ origin }) => origin);
  keyed.window(session('30m')).aggregate({ n: count() }).to(counts);
  keyed
    .window(session({ gap: (f) => f.delay }))
    .aggregate({ n: count() }, { name: 'a' })
    .to(counts);
  const assign = (at: number, { delay }: Flight) => [{ start: at, end: at + delay }];
  keyed
    .window(windows({ name: 'own', assign }))
    .aggregate({ n: count() }, { name: 'b' })
    .to(counts);
  keyed.window(windows({ name: 'own', assign: (at, f) => [{ start: at, end: f.delay }] }));
  // @ts-expect-error no such field
  keyed.window(session({ gap: (f) => f.dealy }));
  // @ts-expect-error the windows are for other values
  keyed.window(session({ gap: (f: { readonly other: number }) => f.other }));
  keyed.window(calendar('week', { timeZone: 'UTC', weekStartsOn: 'sunday' }));
  // @ts-expect-error days do not start a week
  calendar('day', { timeZone: 'UTC', weekStartsOn: 'sunday' });
  // @ts-expect-error a day of where?
  calendar('day', {});
  // @ts-expect-error hopping needs to know how far
  hopping('1h');
  // @ts-expect-error windows need keys
  from(flights).window(session('30m'));
});
