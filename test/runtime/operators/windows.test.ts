import { describe, expect, test } from 'vitest';
import {
  count,
  job,
  last,
  sum,
  topic,
  tumbling,
  type WindowTimes,
} from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import {
  type Outputs,
  ScriptRun,
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
  readonly size?: number;
  readonly offset?: number;
  readonly outOfOrderness?: number;
  readonly idleAfter?: number;
  readonly quietAfter?: number | 'off';
}

function counts({ size = 10, offset = 0, ...from_ }: Options = {}): Job {
  return job('counts', ({ from }) => {
    const windowed = from(readings, { quietAfter: 'off', ...from_, eventTime: (r) => r.at })
      .keyBy((r) => r.key)
      .window(tumbling(size, { offset }))
      .aggregate({ n: count() });
    windowed.to(results());
    windowed.late.to(late);
  });
}

type Counted = { readonly n: number } & WindowTimes;

/** `key n [start, end)`. */
function shown(outputs: Outputs): string[] {
  return (outputs['results/0'] ?? []).map(({ key, value }) => {
    const { n, windowStart, windowEnd } = value as Counted; // as the job writes it
    return `${key} ${n} [${windowStart}, ${windowEnd})`;
  });
}

describe('a window', () => {
  test('takes its first millisecond, not its end, and is written at its last', async () => {
    const records = [0, 9, 10, 19, 20].map((at) => reading(at));
    const outputs = await sameInEveryMode(counts(), [{ records }]);
    expect(shown(outputs)).toEqual(['a 2 [0, 10)', 'a 2 [10, 20)', 'a 1 [20, 30)']);
    expect(outputs['results/0']?.map(({ timestamp }) => timestamp)).toEqual([9, 19, 29]);
  });

  test('is aligned to 1970 plus its offset, also before 1970', async () => {
    const records = [-11, -10, -8, -7, -1, 0, 2, 3].map((at) => reading(at));
    const outputs = await sameInEveryMode(counts({ offset: 3 }), [{ records }]);
    expect(shown(outputs)).toEqual(['a 3 [-17, -7)', 'a 4 [-7, 3)', 'a 1 [3, 13)']);
  });

  test('closes once the watermark passes its end, and no earlier', async () => {
    const job = counts({ outOfOrderness: 5 });
    const open = [{ records: [reading(3), reading(14)] }]; // watermark 8
    expect(shown(await sameInEveryMode(job, open, { drain: false }))).toEqual([]);
    const closed = [{ records: [reading(3), reading(15)] }]; // watermark 9
    expect(shown(await sameInEveryMode(job, closed, { drain: false }))).toEqual(['a 1 [0, 10)']);
  });

  test('waits for the slowest partition', async () => {
    const script: ScriptStep[] = [
      { records: [reading(5), { ...reading(6, 'b'), partition: 1 }] },
      { records: [reading(50)] },
    ];
    const job = counts();
    expect(shown(await sameInEveryMode(job, script, { drain: false }))).toEqual([]);
    script.push({ records: [{ ...reading(12, 'b'), partition: 1 }] });
    const closed = await sameInEveryMode(job, script, { drain: false });
    expect(shown(closed).toSorted()).toEqual(['a 1 [0, 10)', 'b 1 [0, 10)']);
  });

  test('of nothing is not written', async () => {
    const records = [reading(5), reading(1_000_000)];
    expect(shown(await sameInEveryMode(counts(), [{ records }]))).toHaveLength(2);
  });

  test('leaves its keys in one order, in whatever order they came', async () => {
    const keys = Array.from({ length: 8 }, (_, i) => `key-${(i * 3) % 8}`);
    const forth = keys.map((key, i) => reading(i, key));
    const outputs = await sameInEveryMode(counts(), [{ records: forth }]);
    const back = await sameInEveryMode(counts(), [{ records: forth.toReversed() }]);
    const written = (of: Outputs) => of['results/0']?.map(({ key }) => key);
    expect(written(outputs)).toHaveLength(8);
    expect(written(back)).toEqual(written(outputs));
  });

  test('over a window gets each result once, and none late', async () => {
    const chained = job('chained', ({ from }) => {
      const windowed = from(readings, { eventTime: (r) => r.at, quietAfter: 'off' })
        .keyBy((r) => r.key)
        .window(tumbling(10))
        .aggregate({ n: count() }, { name: 'small' })
        .keyBy(() => 'all')
        .window(tumbling(20))
        .aggregate({ windows: count(), n: sum((r) => r.n) }, { name: 'large' });
      windowed.to(results());
      windowed.late.to(topic('late', { ...one, value: json() }));
    });
    const ats = [1, 2, 11, 12, 19, 25, 31, 47, 95];
    const records = ats.flatMap((at) => [reading(at, 'a'), reading(at, 'b')]);
    const outputs = await sameInEveryMode(chained, [{ records }]);
    expect(valuesOf(outputs, 'results')).toEqual([
      { windows: 4, n: 10, windowStart: 0, windowEnd: 20 },
      { windows: 4, n: 4, windowStart: 20, windowEnd: 40 },
      { windows: 2, n: 2, windowStart: 40, windowEnd: 60 },
      { windows: 2, n: 2, windowStart: 80, windowEnd: 100 },
    ]);
    expect(valuesOf(outputs, 'late')).toEqual([]);
  });

  test('may be reduced', async () => {
    const highest = job('highest', ({ from }) => {
      from(readings, { eventTime: (r) => r.at, quietAfter: 'off' })
        .keyBy((r) => r.key)
        .window(tumbling(10))
        .reduce((best, r) => (r.n > best.n ? r : best))
        .to(results());
    });
    const records = [reading(1, 'a', 4), reading(2, 'a', 9), reading(3, 'a', 9), reading(15)];
    expect(valuesOf(await sameInEveryMode(highest, [{ records }]), 'results')).toEqual([
      { key: 'a', at: 2, n: 9 },
      { key: 'a', at: 15, n: 1 },
    ]);
  });
});

describe('a late record', () => {
  const script: ScriptStep[] = [
    { records: [reading(5), reading(30)] },
    { records: [reading(6), reading(29), reading(19), reading(20)] },
  ];

  test('is one whose window has closed, and goes to the late stream', async () => {
    const outputs = await sameInEveryMode(counts(), script);
    expect(outputs['late/0']?.map(({ key, timestamp }) => [key, timestamp])).toEqual([
      ['a', 6],
      ['a', 29],
      ['a', 19],
      ['a', 20],
    ]);
    expect(shown(outputs)).toEqual(['a 1 [0, 10)', 'a 1 [30, 40)']);
  });

  test('within the out-of-orderness is not late', async () => {
    const outputs = await sameInEveryMode(counts({ outOfOrderness: 21 }), script);
    expect(valuesOf(outputs, 'late')).toEqual([]);
    expect(shown(outputs)).toEqual(['a 2 [0, 10)', 'a 1 [10, 20)', 'a 2 [20, 30)', 'a 1 [30, 40)']);
  });

  test('is counted although nobody reads the late stream, and counted once', async () => {
    const unread = job('unread', ({ from }) => {
      from(readings, { eventTime: (r) => r.at, quietAfter: 'off' })
        .keyBy((r) => r.key)
        .window(tumbling(10))
        .aggregate({ at: last((r) => r.at) })
        .to(results());
    });
    const run = new ScriptRun(unread);
    await run.makeTopics(1);
    await run.start();
    for (const step of script) await run.step(step);
    expect(run.handle.metrics().lateRecords).toBe(4);
    await run.stop();
    await run.start();
    expect(run.handle.metrics().lateRecords).toBe(0);
    await run.append([reading(1)]);
    expect(run.handle.metrics().lateRecords).toBe(1);
  });

  test('stays late after a restart, and its window is not written again', async () => {
    const outputs = await sameInEveryMode(counts(), [
      { records: [reading(5), reading(30)] },
      { downtimeMs: 60_000 },
      { records: [reading(7)] },
      { downtimeMs: 60_000 },
      { records: [reading(8), reading(41)] },
    ]);
    expect(valuesOf(outputs, 'late')).toHaveLength(2);
    expect(shown(outputs)).toEqual(['a 1 [0, 10)', 'a 1 [30, 40)', 'a 1 [40, 50)']);
  });
});

describe('the last windows', () => {
  const records = [reading(5), reading(27, 'b'), { ...reading(8), partition: 1 }];

  test('of a quiet stream close by themselves', async () => {
    const script: ScriptStep[] = [{ records }, { pauseMs: 60_000 }];
    const outputs = await sameInEveryMode(counts({ quietAfter: 5000 }), script, { drain: false });
    expect(shown(outputs)).toEqual(['a 2 [0, 10)', 'b 1 [20, 30)']);
  });

  test('stay open while a stream is not quiet for long enough, or never is', async () => {
    const script: ScriptStep[] = [{ records }, { pauseMs: 4999 }];
    const patient = counts({ quietAfter: 5000, idleAfter: 60_000 });
    expect(shown(await sameInEveryMode(patient, script, { drain: false }))).toEqual([]);
    const never: ScriptStep[] = [{ records }, { pauseMs: 3_600_000 }];
    const outputs = await sameInEveryMode(counts(), never, { drain: false });
    expect(shown(outputs)).toEqual([]); // both partitions fell idle at once: none is ahead
  });

  test('close as late in silence as they would by the clock', async () => {
    const run = new ScriptRun(counts({ size: 60_000, quietAfter: 5000 }));
    await run.makeTopics(1);
    await run.start();
    await run.append([reading(10_000)]);
    await run.step({ pauseMs: 49_999 });
    expect(shown(run.outputs())).toEqual([]); // the watermark is 59,998
    await run.step({ pauseMs: 1 });
    expect(shown(run.outputs())).toEqual(['a 1 [0, 60000)']);
  });

  test('do not close by the time that passed while no job ran', async () => {
    const script: ScriptStep[] = [{ records }, { downtimeMs: 3_600_000 }];
    const outputs = await sameInEveryMode(counts({ quietAfter: 5000 }), script, { drain: false });
    expect(shown(outputs)).toEqual([]);
  });

  test('close in a drain, also those behind windows that close in it', async () => {
    const chained = job('chained', ({ from }) => {
      const small = from(readings, { eventTime: (r) => r.at, quietAfter: 'off' })
        .keyBy((r) => r.key)
        .window(tumbling(10))
        .aggregate({ n: count() }, { name: 'small' });
      const large = small
        .keyBy(() => 'all')
        .window(tumbling(1000))
        .aggregate({ n: sum(({ n }) => n) }, { name: 'large' });
      const largest = large
        .keyBy(() => 'all')
        .window(tumbling(5000))
        .aggregate({ n: sum(({ n }) => n) }, { name: 'largest' });
      for (const windows of [small, large, largest]) windows.map(({ n }) => n).to(results());
    });
    const records = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => reading(5, key));
    const outputs = await sameInEveryMode(chained, [{ records }]);
    expect(valuesOf(outputs, 'results')).toEqual([1, 1, 1, 1, 1, 1, 6, 6]);
  });

  test('close in a drain', async () => {
    expect(shown(await sameInEveryMode(counts(), [{ records }]))).toEqual([
      'a 2 [0, 10)',
      'b 1 [20, 30)',
    ]);
  });
});
