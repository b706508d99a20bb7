import { describe, expect, test } from 'vitest';
import { count, job, session, topic, type WindowTimes, windows } from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import type { CustomWindows, Job, SessionWindows } from '../../../src/runtime/index.ts';
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

function counts(
  assigner: SessionWindows<Reading> | CustomWindows<Reading>,
  options: Options = {},
): Job {
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

describe('a session', () => {
  test('ends when no record has come for its gap, and not before', async () => {
    const records = [0, 9, 18, 28].map((at) => reading(at));
    const outputs = await sameInEveryMode(counts(session(10)), [{ records }]);
    expect(shown(outputs)).toEqual(['a 3 [0, 28)', 'a 1 [28, 38)']);
    expect(outputs['results/0']?.map(({ timestamp }) => timestamp)).toEqual([27, 37]);
  });

  test('of a key is not kept going by another key', async () => {
    const records = [reading(0), reading(5, 'b'), reading(12), reading(14, 'b')];
    expect(shown(await sameInEveryMode(counts(session(10)), [{ records }]))).toEqual([
      ...['a 1 [0, 10)', 'a 1 [12, 22)', 'b 2 [5, 24)'],
    ]);
  });

  test('bridges three by one record that comes late but in time, also across a crash', async () => {
    const script: ScriptStep[] = [
      { records: [reading(0), reading(12), reading(12), reading(24)] },
      { downtimeMs: 60_000 },
      { records: [reading(10), reading(22)] }, // the first joins two, the second all
      { downtimeMs: 60_000 },
      { records: [reading(90, 'b')] },
    ];
    const job = counts(session(11), { outOfOrderness: 30 });
    const outputs = await sameInEveryMode(job, script, { drain: false });
    expect(shown(outputs)).toEqual(['a 6 [0, 35)']);
    const gaps = session<Reading>({ gap: ({ n }) => n });
    const bridged = [reading(0, 'a', 5), reading(10, 'a', 5), reading(20, 'a', 5)];
    const bridge = [{ records: bridged }, { downtimeMs: 1 }, { records: [reading(4, 'a', 17)] }];
    const one = await sameInEveryMode(counts(gaps, { outOfOrderness: 30 }), bridge);
    expect(shown(one)).toEqual(['a 4 [0, 25)']);
  });

  test('that was bridged does not fire when its parts would have', async () => {
    const records = [reading(0), reading(15), reading(8), reading(22, 'b'), reading(50, 'b')];
    const job = counts(session(10), { outOfOrderness: 10 });
    expect(shown(await sameInEveryMode(job, [{ records }], { drain: false }))).toEqual([
      ...['a 3 [0, 25)', 'b 1 [22, 32)'],
    ]);
  });

  test('takes a record from before the watermark while it is open, and not afterwards', async () => {
    const records = [reading(20), reading(28), reading(15), reading(40), reading(16), reading(31)];
    const outputs = await sameInEveryMode(counts(session(10)), [{ records }]);
    expect(shown(outputs)).toEqual(['a 3 [15, 38)', 'a 2 [31, 50)']);
    expect(valuesOf(outputs, 'late')).toEqual([{ key: 'a', at: 16, n: 1 }]);
  });

  test('reduces in the order of what is merged', async () => {
    const joined = job('joined', ({ from }) => {
      from(readings, { eventTime: (r) => r.at, outOfOrderness: 50, quietAfter: 'off' })
        .keyBy((r) => r.key)
        .map((r) => `${r.n}`)
        .window(session(10))
        .reduce((a, b) => a + b)
        .to(results());
    });
    const records = [reading(20, 'a', 1), reading(21, 'a', 2), reading(3, 'a', 3)];
    records.push(reading(4, 'a', 4), reading(11, 'a', 5), reading(9, 'a', 6));
    expect(valuesOf(await sameInEveryMode(joined, [{ records }]), 'results')).toEqual(['341256']);
  });

  test('of sessions is drained to its end, though all of them were made longer', async () => {
    const nested = job('nested', ({ from }) => {
      from(readings, { eventTime: (r) => r.at, outOfOrderness: 10, quietAfter: 'off' })
        .keyBy((r) => r.key)
        .window(session(10))
        .aggregate({ n: count() })
        .keyBy(() => 'all')
        .window(session(30))
        .aggregate({ n: count() })
        .to(results());
    });
    const records = [reading(8), reading(10, 'b'), reading(16), reading(18, 'b')];
    const outputs = await sameInEveryMode(nested, [{ records }]);
    expect(shown(outputs)).toEqual(['all 2 [25, 57)']);
  });

  test('of a quiet stream ends by itself', async () => {
    const script: ScriptStep[] = [{ records: [reading(5), reading(8)] }, { pauseMs: 60_000 }];
    const job = counts(session(10), { quietAfter: 5000 });
    expect(shown(await sameInEveryMode(job, script, { drain: false }))).toEqual(['a 2 [5, 18)']);
  });

  test('is counted before 1970 and at the ends of time', async () => {
    const end = 8.64e15;
    const records = [-end, -3, 4, end - 5, end].map((at) => reading(at));
    const future = { futureTimestampsMaxMs: 1e17 };
    expect(shown(await sameInEveryMode(counts(session(10)), [{ records }], future))).toEqual([
      ...[`a 1 [${-end}, ${-end + 10})`, 'a 2 [-3, 14)', `a 2 [${end - 5}, ${end + 10})`],
    ]);
  });

  test('has a gap of a record that is a duration, or the job says which record it was', async () => {
    const own = counts(session({ gap: ({ n }) => (n > 0 ? '10ms' : n) }));
    expect(shown(await sameInEveryMode(own, [{ records: [reading(0)] }]))).toEqual(['a 1 [0, 10)']);
    await expect(sameInEveryMode(own, [{ records: [reading(0, 'a', 0)] }])).rejects.toThrow(
      /Step "window-of-readings-keyed-1" \(window\) failed: The gap of a record can't be 0.*"a"/,
    );
  });
});

describe('windows that a function chooses', () => {
  test('may overlap, and may be none', async () => {
    const assigner = windows<Reading>({
      name: 'chosen',
      assign: (at, { n }) =>
        n === 0
          ? []
          : [
              { start: at, end: at + 10 },
              { start: 0, end: 40 },
            ],
    });
    const records = [reading(1), reading(2, 'a', 0), reading(5), reading(30)];
    const outputs = await sameInEveryMode(counts(assigner), [{ records }]);
    expect(shown(outputs)).toEqual([
      ...['a 1 [1, 11)', 'a 1 [5, 15)', 'a 3 [0, 40)', 'a 1 [30, 40)'],
    ]);
    expect(valuesOf(outputs, 'late')).toEqual([]);
  });

  test.each([
    [{ start: 1, end: 1 }, '[{"start":1,"end":1}]'],
    [{ start: 1.5, end: 3 }, '[{"start":1.5,"end":3}]'],
    [undefined, '[null]'],
  ])('are refused where they are none: %j', async (window, says) => {
    const assign = () => [window] as never;
    const of = counts(windows({ name: 'wrong', assign }));
    await expect(sameInEveryMode(of, [{ records: [reading(1)] }])).rejects.toThrow(
      `the windows "wrong" assigned ${says}; assign() must return an array of { start, end }`,
    );
  });
});
