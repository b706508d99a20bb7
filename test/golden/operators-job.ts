/**
 * The windows, triggers, aggregates and meeting streams that the golden pipeline has not, in one
 * job.
 */
import {
  afterCount,
  afterWatermark,
  approximateCountDistinct,
  argMax,
  calendar,
  collect,
  count,
  countDistinct,
  cumulating,
  globalWindow,
  histogram,
  hopping,
  job,
  quantile,
  repeatedly,
  type Stream,
  session,
  sum,
  topic,
  topK,
  tumbling,
  value,
  variance,
  windows,
} from '../../src/dsl/index.ts';
import { json, keyJson } from '../../src/formats/index.ts';
import type { Job } from '../../src/runtime/index.ts';
import { type Reading, readings } from './pipeline.ts';

const number = (reading: Reading) => reading.value;
const totals = { n: count(), total: sum(number) };

/** Of all kinds that hold something else than a number. */
const held = {
  worst: argMax(number),
  top: topK(number, 2),
  all: collect(number),
  sensors: countDistinct((r: Reading) => r.value % 7),
  about: approximateCountDistinct((r: Reading) => r.value % 7),
  middle: quantile(number, 0.5),
  spread: variance(number),
  bars: histogram(number, [20, 60]),
};

const topics: string[] = [];

/** Those that the job writes. */
export const operatorTopics: readonly string[] = topics;

function write(name: string, stream: Stream<object, unknown>): void {
  if (!topics.includes(name)) topics.push(name);
  stream.to(topic(name, { key: keyJson(), value: json(), partitions: 2 }));
}

export const operators: Job = job('operators', ({ from }) => {
  const all = from(readings, { eventTime: (r) => r.at, outOfOrderness: '5s', quietAfter: 'off' });
  const sensors = all.keyBy((r) => r.sensor);
  const named = (name: string) => ({ name });
  write(
    'hopping',
    sensors.window(hopping('25s', { every: '10s' })).aggregate(totals, named('hopping')),
  );
  write(
    'cumulating',
    sensors.window(cumulating('60s', { every: '15s' })).aggregate(held, named('cumulating')),
  );
  const sessions = sensors.window(session('2s')).aggregate(held, named('session'));
  write('session', sessions);
  write('session-late', sessions.late);
  write(
    'calendar',
    sensors
      .window(calendar('day', { timeZone: 'Asia/Tokyo' }))
      .aggregate(totals, named('calendar')),
  );
  const assign = (at: number) => [{ start: at - (at % 7000), end: at - (at % 7000) + 9000 }];
  write(
    'custom',
    sensors.window(windows({ name: 'custom', assign })).aggregate(totals, named('custom')),
  );
  write('count', sensors.countWindow(4).aggregate(held));
  const counted = repeatedly(afterCount(3));
  write(
    'global',
    sensors
      .window(globalWindow())
      .trigger(counted, { mode: 'discarding' })
      .aggregate(held, named('global')),
  );
  const early = afterWatermark({ early: afterCount(2), late: afterCount(1) });
  const panes = sensors.window(tumbling('20s')).trigger(early).allowedLateness('10s');
  write('panes', panes.aggregate(totals, named('panes')));
  const { high, rest } = sensors.split({ high: (r) => r.value > 70 });
  write(
    'union',
    high.union(rest.filter((r) => r.value < 20)).reduce((a, b) => (b ? b : a)),
  );
  const met = high.connect(rest).process({
    state: { last: value<number>() },
    onLeft: (r, { state }) => [{ value: r.value, before: state.last.get() ?? null }],
    onRight: (r, { state }) => void state.last.set(r.value),
  });
  write('connect', met);
});
