/** Which windows fit which streams. Nothing here runs: the compiler is the test. */
import {
  afterCount,
  afterWatermark,
  calendar,
  count,
  globalWindow,
  hopping,
  job,
  json,
  type Pane,
  repeatedly,
  session,
  string,
  topic,
  tumbling,
  windows,
} from 'millrace';

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

const panes = topic('panes', {
  key,
  value: json<{ n: number; windowStart: number; windowEnd: number; pane: Pane }>(),
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
  const hourly = keyed.window(tumbling('1h'));
  hourly
    .trigger(afterWatermark({ early: afterCount(9) }))
    .aggregate({ n: count() })
    .to(panes);
  hourly
    .allowedLateness('1d')
    .trigger(repeatedly(afterCount(9)))
    .aggregate({ n: count() })
    .late.to(flights);
  hourly
    .allowedLateness('1d')
    .reduce((a) => a)
    .map(({ value, pane }) => [value.delay, pane.index]);
  hourly.reduce((a) => a).map(({ delay }) => delay);
  // @ts-expect-error it would fire once, and lose the rest
  hourly.trigger(afterCount(9));
  // @ts-expect-error triggers that wait for the end do not repeat
  repeatedly(afterWatermark());
  // @ts-expect-error one result for a window has no pane
  hourly.aggregate({ n: count() }).map(({ pane }) => pane);
  const all = keyed.window(globalWindow());
  all
    .trigger(repeatedly(afterCount(9)))
    .aggregate({ n: count() })
    .map(({ n, pane }) => [n, pane]);
  // @ts-expect-error a global window never fires by itself
  all.aggregate({ n: count() });
  // @ts-expect-error it has no end
  all.trigger(afterWatermark());
  const few = all.trigger(repeatedly(afterCount(9))).aggregate({ n: count() }, { name: 'few' });
  // @ts-expect-error nothing is late for it
  few.late.to(flights);
  // @ts-expect-error nor is it kept for what is late
  all.allowedLateness('1d');
  // @ts-expect-error it has no begin and no end
  few.map(({ windowStart }) => windowStart);
  const tens = keyed.countWindow(10).aggregate({ n: count() }, { name: 'tens', ttl: '1d' });
  tens.map(({ n }) => n);
  // @ts-expect-error it has no times
  tens.map(({ windowEnd }) => windowEnd);
  // @ts-expect-error nothing is late for it
  tens.late.to(flights);
  // @ts-expect-error hopping needs to know how far
  hopping('1h');
  // @ts-expect-error windows need keys
  from(flights).window(session('30m'));
});
