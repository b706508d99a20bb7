/** Windows that may fire more than once: allowed lateness and triggers. */
import { describe, expect, test } from 'vitest';
import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  count,
  globalWindow,
  hopping,
  type InPane,
  job,
  type KeyedStream,
  repeatedly,
  session,
  sum,
  topic,
  tumbling,
  type WindowTimes,
} from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import {
  type Outputs,
  type ScriptStep,
  sameInEveryMode,
  valuesOf,
} from '../../support/operator-harness.ts';
import { type Reading, readings } from '../../support/operator-harness-scripts.ts';

const one = { key: keyJson<string>(), partitions: 1 };
const results = <Value>() => topic('results', { ...one, value: json<Value>() });
const late = topic('late', { ...one, value: json<Reading>() });
const reading = (at: number, key = 'a', n = 1) => ({ value: { key, at, n } });

interface Options {
  readonly outOfOrderness?: number;
  readonly quietAfter?: number | 'off';
}

type Panes<Value> = KeyedStream<Value, string> & { readonly late: KeyedStream<Reading, string> };

function panes<Value>(
  windowed: (stream: KeyedStream<Reading, string>) => Panes<Value>,
  options: Options = {},
): Job {
  return job('panes', ({ from }) => {
    const of = from(readings, { quietAfter: 'off', ...options, eventTime: (r) => r.at });
    const out = windowed(of.keyBy((r) => r.key));
    out.to(results());
    out.late.to(late);
  });
}

/** `key n [start, end) index timing`, with `.` behind the last one. */
function shown(outputs: Outputs): string[] {
  return (outputs['results/0'] ?? []).map(({ key, value }) => {
    const { n, windowStart, windowEnd, pane } = value as { readonly n: number } & WindowTimes &
      InPane; // as the jobs write it
    const { index, timing, isLast } = pane;
    return `${key} ${n} [${windowStart}, ${windowEnd}) ${index} ${timing}${isLast ? '.' : ''}`;
  });
}

const n = { n: count() };

describe('allowed lateness', () => {
  const lenient = panes((keyed) => keyed.window(tumbling(10)).allowedLateness(20).aggregate(n));

  test('makes a window fire again for each late record, with all that it has', async () => {
    const records = [5, 10, 6, 29, 7, 30].map((at) => reading(at));
    const outputs = await sameInEveryMode(lenient, [{ records }]);
    expect(shown(outputs)).toEqual([
      ...['a 1 [0, 10) 0 on-time', 'a 2 [0, 10) 1 late', 'a 1 [10, 20) 0 on-time'],
      ...['a 3 [0, 10) 2 late', 'a 1 [20, 30) 0 on-time', 'a 1 [30, 40) 0 on-time'],
    ]);
    expect(outputs['results/0']?.slice(0, 3).map(({ timestamp }) => timestamp)).toEqual([9, 9, 19]);
    expect(valuesOf(outputs, 'late')).toEqual([]);
  });

  test('ends when the watermark has passed it, and what comes then is late', async () => {
    const records = [5, 29, 6, 30, 7].map((at) => reading(at)); // 30: the watermark is 29
    const outputs = await sameInEveryMode(lenient, [{ records }]);
    expect(shown(outputs).slice(0, 2)).toEqual(['a 1 [0, 10) 0 on-time', 'a 2 [0, 10) 1 late']);
    expect(valuesOf(outputs, 'late')).toEqual([{ key: 'a', at: 7, n: 1 }]);
  });

  test('opens a window that had no record before its end', async () => {
    const records = [25, 5, 6].map((at) => reading(at));
    expect(shown(await sameInEveryMode(lenient, [{ records }]))).toEqual([
      ...['a 1 [0, 10) 0 late', 'a 2 [0, 10) 1 late', 'a 1 [20, 30) 0 on-time'],
    ]);
  });

  test('opens a session again that has ended, and bridges it to others', async () => {
    const job = panes((keyed) => keyed.window(session(10)).allowedLateness(50).aggregate(n));
    const script: ScriptStep[] = [
      { records: [reading(0), reading(18), reading(40)] },
      { downtimeMs: 1000 },
      { records: [reading(9), reading(45)] },
    ];
    expect(shown(await sameInEveryMode(job, script))).toEqual([
      ...['a 1 [0, 10) 0 on-time', 'a 1 [18, 28) 0 on-time'],
      ...['a 3 [0, 28) 1 late', 'a 2 [40, 55) 0 on-time'],
    ]);
  });

  test('of windows that overlap holds for each of them', async () => {
    const hops = hopping(20, { every: 10 });
    const job = panes((keyed) => keyed.window(hops).allowedLateness(5).aggregate(n));
    const records = [reading(5), reading(14), reading(6), reading(15), reading(7), reading(40)];
    expect(shown(await sameInEveryMode(job, [{ records }], { drain: false }))).toEqual([
      ...['a 1 [-10, 10) 0 on-time', 'a 2 [-10, 10) 1 late'],
      ...['a 5 [0, 20) 0 on-time', 'a 2 [10, 30) 0 on-time'],
    ]);
  });

  test('may be none, and then the last pane is the only one', async () => {
    const job = panes((keyed) => keyed.window(tumbling(10)).allowedLateness(0).aggregate(n));
    expect(shown(await sameInEveryMode(job, [{ records: [reading(5)] }]))).toEqual([
      'a 1 [0, 10) 0 on-time.',
    ]);
  });
});

describe('a trigger', () => {
  test('after a count fires early, on time and late', async () => {
    const trigger = afterWatermark({ early: afterCount(2), late: afterCount(2) });
    const job = panes((keyed) =>
      keyed.window(tumbling(10)).trigger(trigger).allowedLateness(20).aggregate(n),
    );
    const records = [1, 2, 3, 4, 5, 12, 6, 7, 8, 40].map((at) => reading(at));
    const outputs = await sameInEveryMode(job, [{ records }], { drain: false });
    expect(shown(outputs)).toEqual([
      ...['a 2 [0, 10) 0 early', 'a 4 [0, 10) 1 early', 'a 5 [0, 10) 2 on-time'],
      ...['a 7 [0, 10) 3 late', 'a 1 [10, 20) 0 on-time', 'a 8 [0, 10) 4 late.'],
    ]);
    const times = outputs['results/0']?.map(({ timestamp }) => timestamp);
    expect(times).toEqual([2, 4, 9, 9, 19, 9]); // an early one has that of its latest record
  });

  test('may discard what a pane had', async () => {
    const trigger = afterWatermark({ early: afterCount(2) });
    const job = panes((keyed) =>
      keyed.window(tumbling(10)).trigger(trigger, { mode: 'discarding' }).aggregate(n),
    );
    const records = [1, 2, 3, 12, 13, 30].map((at) => reading(at));
    expect(shown(await sameInEveryMode(job, [{ records }], { drain: false }))).toEqual([
      ...['a 2 [0, 10) 0 early', 'a 1 [0, 10) 1 on-time.', 'a 2 [10, 20) 0 early'],
    ]);
  });

  test('that fires repeatedly leaves the rest when the window goes', async () => {
    const job = panes((keyed) =>
      keyed
        .window(tumbling(10))
        .trigger(repeatedly(afterCount(2)))
        .aggregate(n),
    );
    const records = [1, 2, 3, 12, 13].map((at) => reading(at));
    expect(shown(await sameInEveryMode(job, [{ records }]))).toEqual([
      ...['a 2 [0, 10) 0 early', 'a 3 [0, 10) 1 on-time.', 'a 2 [10, 20) 0 early'],
    ]);
  });

  test('by the clock fires once it is due, again for new records, and not for none', async () => {
    const trigger = afterWatermark({ early: afterProcessingTime('10s') });
    const job = panes((keyed) => keyed.window(tumbling('1h')).trigger(trigger).aggregate(n));
    const script: ScriptStep[] = [
      ...[{ records: [reading(1)] }, { pauseMs: 4000 }, { records: [reading(2)] }],
      ...[{ pauseMs: 6000 }, { records: [reading(3)] }, { pauseMs: 60_000 }, { pauseMs: 60_000 }],
    ];
    expect(shown(await sameInEveryMode(job, script, { drain: false }))).toEqual([
      ...['a 2 [0, 3600000) 0 early', 'a 3 [0, 3600000) 1 early'],
    ]);
    expect(shown(await sameInEveryMode(job, script.slice(0, 4), { drain: false }))).toHaveLength(1);
    const almost = [...script.slice(0, 3), { pauseMs: 5999 }];
    expect(shown(await sameInEveryMode(job, almost, { drain: false }))).toEqual([]);
  });

  test('by the clock that came due while the job was stopped fires once after that', async () => {
    const trigger = repeatedly(afterProcessingTime('10s'));
    const job = panes((keyed) => keyed.window(tumbling('1h')).trigger(trigger).aggregate(n));
    const script: ScriptStep[] = [
      { records: [reading(1), reading(2, 'b')] },
      ...[{ downtimeMs: 3_600_000 }, { pauseMs: 1 }],
      ...[{ downtimeMs: 3_600_000 }, { pauseMs: 1 }],
    ];
    expect(shown(await sameInEveryMode(job, script, { drain: false })).toSorted()).toEqual([
      ...['a 1 [0, 3600000) 0 early', 'b 1 [0, 3600000) 0 early'],
    ]);
  });

  test('by the clock waits no more once the window has fired on time', async () => {
    const trigger = afterWatermark({ early: afterProcessingTime('10s') });
    const job = panes((keyed) =>
      keyed.window(tumbling(10)).trigger(trigger).allowedLateness('1h').aggregate(n),
    );
    const script: ScriptStep[] = [{ records: [reading(1), reading(30)] }, { pauseMs: 60_000 }];
    expect(shown(await sameInEveryMode(job, script, { drain: false }))).toEqual([
      ...['a 1 [0, 10) 0 on-time', 'a 1 [30, 40) 0 early'],
    ]);
  });

  test('of sessions that merge goes on where the furthest of them was', async () => {
    const trigger = afterWatermark({ early: afterCount(3) });
    const job = panes((keyed) => keyed.window(session(10)).trigger(trigger).aggregate(n), {
      outOfOrderness: 100,
    });
    const script: ScriptStep[] = [
      { records: [0, 1, 2, 3, 15].map((at) => reading(at)) },
      { downtimeMs: 1 },
      { records: [reading(9), reading(10)] },
    ];
    expect(shown(await sameInEveryMode(job, script))).toEqual([
      ...['a 3 [0, 12) 0 early', 'a 6 [0, 25) 1 early', 'a 7 [0, 25) 2 on-time.'],
    ]);
  });

  test('of sessions that wait for the clock merges what they wait for', async () => {
    const trigger = repeatedly(afterProcessingTime('10s'));
    const job = panes((keyed) => keyed.window(session(10)).trigger(trigger).aggregate(n), {
      outOfOrderness: 100,
    });
    const script: ScriptStep[] = [
      ...[{ records: [reading(0)] }, { pauseMs: 2000 }, { records: [reading(15)] }],
      ...[{ pauseMs: 2000 }, { records: [reading(8)] }, { pauseMs: 6000 }],
    ];
    const outputs = await sameInEveryMode(job, script, { drain: false });
    expect(shown(outputs)).toEqual(['a 3 [0, 25) 0 early']);
  });

  test('of a global window fires for ever, and a drain ends nothing', async () => {
    const job_ = (mode: 'accumulating' | 'discarding') =>
      job('panes', ({ from }) => {
        from(readings, { eventTime: (r) => r.at, quietAfter: 'off' })
          .keyBy((r) => r.key)
          .window(globalWindow())
          .trigger(repeatedly(afterCount(2)), { mode })
          .aggregate({ n: sum((r) => r.n) })
          .to(results());
      });
    const script = [[5, 1], [9], [3, 4]].map((ats) => ({ records: ats.map((at) => reading(at)) }));
    const pane = (index: number) => ({ index, timing: 'early', isLast: false });
    const outputs = await sameInEveryMode(job_('accumulating'), script);
    expect(valuesOf(outputs, 'results')).toEqual([
      { n: 2, pane: pane(0) },
      { n: 4, pane: pane(1) },
    ]);
    expect(outputs['results/0']?.map(({ timestamp }) => timestamp)).toEqual([5, 9]);
    expect(valuesOf(await sameInEveryMode(job_('discarding'), script), 'results')).toEqual([
      { n: 2, pane: pane(0) },
      { n: 2, pane: pane(1) },
    ]);
  });

  test('may reduce', async () => {
    const trigger = afterWatermark({ early: afterCount(1) });
    const job = panes((keyed) =>
      keyed
        .window(tumbling(10))
        .trigger(trigger)
        .reduce((a, b) => (b.n > a.n ? b : a)),
    );
    const records = [reading(1, 'a', 1), reading(2, 'a', 5), reading(3, 'a', 2)];
    const outputs = await sameInEveryMode(job, [{ records }]);
    const best = valuesOf(outputs, 'results').map(
      (v) => (v as { readonly value: Reading }).value.n,
    );
    expect(best).toEqual([1, 5, 5, 5]);
    expect(valuesOf(outputs, 'results').at(-1)).toEqual({
      value: { key: 'a', at: 2, n: 5 },
      ...{ windowStart: 0, windowEnd: 10, pane: { index: 3, timing: 'on-time', isLast: true } },
    });
  });
});
