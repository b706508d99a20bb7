import { describe, expect, test } from 'vitest';
import {
  count,
  cumulating,
  hopping,
  job,
  sum,
  topic,
  type WindowTimes,
} from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import type { CumulatingWindows, HoppingWindows, Job } from '../../../src/runtime/index.ts';
import { changelogOf } from '../../../src/runtime/open-task.ts';
import { taskNameOf } from '../../../src/runtime/stages/job-tasks.ts';
import {
  type Outputs,
  ScriptRun,
  type ScriptStep,
  sameInEveryMode,
  valuesOf,
} from '../../support/operator-harness.ts';
import { plainMode } from '../../support/operator-harness-modes.ts';
import { type Reading, readings } from '../../support/operator-harness-scripts.ts';

const one = { key: keyJson<string>(), partitions: 1 };
const results = <Value>() => topic('results', { ...one, value: json<Value>() });
const late = topic('late', { ...one, value: json<Reading>() });
const reading = (at: number, key = 'a', n = 1) => ({ value: { key, at, n } });

interface Options {
  readonly outOfOrderness?: number;
  readonly quietAfter?: number | 'off';
}

function counts(assigner: HoppingWindows | CumulatingWindows, options: Options = {}): Job {
  return job('counts', ({ from }) => {
    const windowed = from(readings, { quietAfter: 'off', ...options, eventTime: (r) => r.at })
      .keyBy((r) => r.key)
      .window(assigner)
      .aggregate({ n: count() });
    windowed.to(results());
    windowed.late.to(late);
  });
}

/** `key n [start, end)`. */
function shown(outputs: Outputs): string[] {
  return (outputs['results/0'] ?? []).map(({ key, value }) => {
    const { n, windowStart, windowEnd } = value as { readonly n: number } & WindowTimes;
    return `${key} ${n} [${windowStart}, ${windowEnd})`;
  });
}

describe('a hopping window', () => {
  test('overlaps its neighbours, and is written at its last millisecond', async () => {
    const records = [0, 9, 10].map((at) => reading(at));
    const job = counts(hopping(20, { every: 10 }));
    const outputs = await sameInEveryMode(job, [{ records }]);
    expect(shown(outputs)).toEqual(['a 2 [-10, 10)', 'a 3 [0, 20)', 'a 1 [10, 30)']);
    expect(outputs['results/0']?.map(({ timestamp }) => timestamp)).toEqual([9, 19, 29]);
  });

  test('fires from older slices for a key without newer records', async () => {
    const records = [reading(5), reading(6, 'b'), reading(16, 'b'), reading(90, 'c')];
    const job = counts(hopping(30, { every: 10, offset: 5 }));
    expect(shown(await sameInEveryMode(job, [{ records }], { drain: false }))).toEqual([
      ...['a 1 [-15, 15)', 'b 1 [-15, 15)'],
      ...['a 1 [-5, 25)', 'b 2 [-5, 25)'],
      ...['a 1 [5, 35)', 'b 2 [5, 35)'],
      'b 1 [15, 45)',
    ]);
  });

  test('need not be a multiple of what it hops by', async () => {
    const records = [0, 3, 6].map((at) => reading(at));
    expect(shown(await sameInEveryMode(counts(hopping(7, { every: 3 })), [{ records }]))).toEqual([
      ...['a 1 [-6, 1)', 'a 2 [-3, 4)', 'a 3 [0, 7)', 'a 2 [3, 10)', 'a 1 [6, 13)'],
    ]);
  });

  test('that has fired is not changed by a record that others still wait for', async () => {
    const records = [reading(1), reading(12), reading(2), reading(30)];
    const outputs = await sameInEveryMode(counts(hopping(20, { every: 10 })), [{ records }]);
    expect(shown(outputs).slice(0, 2)).toEqual(['a 1 [-10, 10)', 'a 3 [0, 20)']);
    expect(valuesOf(outputs, 'late')).toEqual([]);
  });

  test('has a late record once all windows of the record have fired', async () => {
    const records = [reading(1), reading(19), reading(9), reading(20), reading(8)];
    const outputs = await sameInEveryMode(counts(hopping(20, { every: 10 })), [{ records }]);
    expect(shown(outputs).slice(0, 2)).toEqual(['a 1 [-10, 10)', 'a 3 [0, 20)']);
    expect(valuesOf(outputs, 'late')).toEqual([{ key: 'a', at: 8, n: 1 }]);
  });

  test('comes to the same digits whatever was kept in memory', async () => {
    const sums = job('sums', ({ from }) => {
      from(readings, { eventTime: (r) => r.at, quietAfter: 'off' })
        .keyBy((r) => r.key)
        .window(hopping(50, { every: 10 }))
        .aggregate({ total: sum((r) => r.n) })
        .to(results());
    });
    const tenths = Array.from({ length: 40 }, (_, i) =>
      reading(i * 5, 'a', 0.1 * (i % 7) - 1e8 * i),
    );
    const script = [tenths.slice(0, 13), tenths.slice(13, 29), tenths.slice(29)];
    const outputs = await sameInEveryMode(
      sums,
      script.map((records) => ({ records })),
    );
    expect(valuesOf(outputs, 'results')).toHaveLength(24);
  });

  test('of a quiet stream fires, and so do all others that have the last records', async () => {
    const script: ScriptStep[] = [{ records: [reading(5), reading(12)] }, { pauseMs: 60_000 }];
    const job = counts(hopping(20, { every: 10 }), { quietAfter: 5000 });
    expect(shown(await sameInEveryMode(job, script, { drain: false }))).toEqual([
      ...['a 1 [-10, 10)', 'a 2 [0, 20)', 'a 1 [10, 30)'],
    ]);
  });

  test('is counted before 1970 and at the ends of time', async () => {
    const end = 8.64e15;
    const records = [-end, -11, -1, end - 1, end].map((at) => reading(at));
    const job = counts(hopping(20, { every: 10 }));
    const future = { futureTimestampsMaxMs: 1e17 };
    expect(shown(await sameInEveryMode(job, [{ records }], future))).toEqual([
      ...[`a 1 [${-end - 10}, ${-end + 10})`, `a 1 [${-end}, ${-end + 20})`],
      ...['a 1 [-30, -10)', 'a 2 [-20, 0)', 'a 1 [-10, 10)'],
      ...[`a 1 [${end - 20}, ${end})`, `a 2 [${end - 10}, ${end + 10})`],
      `a 1 [${end}, ${end + 20})`,
    ]);
  });

  test('changes one entry of state for a record, however many windows it is in', async () => {
    const changesOf = async (assigner: HoppingWindows | CumulatingWindows) => {
      const run = new ScriptRun(counts(assigner), { ...plainMode, epoch: { epochRecords: 1 } });
      await run.makeTopics(1);
      await run.start();
      await run.append(Array.from({ length: 100 }, (_, i) => reading(i)));
      await run.stop();
      return run.broker.endOf({ topic: changelogOf(taskNameOf('counts')), partition: 0 });
    };
    const tumblingRecords = await changesOf(hopping(1000, { every: 1000 }));
    const hoppingRecords = await changesOf(hopping(10_000, { every: 1000, offset: 0 }));
    expect(tumblingRecords).toBeGreaterThan(200); // the window and the time, for each record
    expect(hoppingRecords).toBe(tumblingRecords);
  });
});

describe('a cumulating window', () => {
  test('begins with the others of its size, and ends later than the one before', async () => {
    const records = [reading(0), reading(7), reading(19), reading(25), reading(40)];
    const job = counts(cumulating(20, { every: 5 }));
    expect(shown(await sameInEveryMode(job, [{ records }], { drain: false }))).toEqual([
      ...['a 1 [0, 5)', 'a 2 [0, 10)', 'a 2 [0, 15)', 'a 3 [0, 20)'],
      ...['a 1 [20, 30)', 'a 1 [20, 35)', 'a 1 [20, 40)'],
    ]);
  });

  test('is not written before its key has a record', async () => {
    const records = [reading(7), reading(8, 'b')];
    const job = counts(cumulating(10, { every: 2 }));
    expect(shown(await sameInEveryMode(job, [{ records }]))).toEqual([
      ...['a 1 [0, 8)', 'a 1 [0, 10)', 'b 1 [0, 10)'],
    ]);
  });

  test('takes a record that came too late for some, and calls it late after the last', async () => {
    const records = [reading(1), reading(7), reading(2), reading(10), reading(3)];
    const outputs = await sameInEveryMode(counts(cumulating(10, { every: 5 })), [{ records }]);
    expect(shown(outputs).slice(0, 2)).toEqual(['a 1 [0, 5)', 'a 3 [0, 10)']);
    expect(valuesOf(outputs, 'late')).toEqual([{ key: 'a', at: 3, n: 1 }]);
  });
});
