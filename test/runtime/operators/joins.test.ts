/** What joins promise besides which records meet: test/runtime/operators/joins.property.test.ts. */
import { expect, test } from 'vitest';
import {
  count,
  job,
  type KeyedStream,
  type Sided,
  topic,
  tumbling,
} from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import { runScript, ScriptRun, sameInEveryMode, valuesOf } from '../../support/operator-harness.ts';
import { byReading, type Reading, readings } from '../../support/operator-harness-scripts.ts';

const numbers = topic('numbers', { key: keyJson<string>(), value: json<number>() });
const counts = topic('counts', {
  key: keyJson<string>(),
  value: json<{ n: number; windowStart: number; windowEnd: number }>(),
});
const times = topic('times', { key: keyJson<string>(), value: json<number[]>() });
const late = topic('late', { key: keyJson<string>(), value: json<Sided<Reading, Reading>>() });

type Side = KeyedStream<Reading, string>;

/** Readings of more than 0 are on the left. */
const joining = (build: (left: Side, right: Side) => void) =>
  job('joining', ({ from }) => {
    const all = from(readings, byReading);
    const side = (isLeft: boolean) => all.filter((r) => r.n > 0 === isLeft).keyBy((r) => r.key);
    build(side(true), side(false));
  });

const reading = (at: number, n: number, key = 'a') => ({ value: { key, at, n } });

test('many records that go at once go in slices', async () => {
  const alone = joining((left, right) => {
    left
      .connect(right)
      .within({ after: 10 })
      .leftJoin((l) => l.n)
      .to(numbers);
  });
  const many = Array.from({ length: 200 }, (_, i) => reading(5, i + 1));
  const outputs = await sameInEveryMode(alone, [{ records: [...many, reading(50, 0)] }]);
  expect(valuesOf(outputs, 'numbers')).toEqual(many.map(({ value }) => value.n));
});

test('what has met none is on time for the window behind', async () => {
  const behind = joining((left, right) => {
    const alone = left
      .connect(right)
      .within({ before: 40, after: 43 })
      .outerJoin(() => 1);
    const windows = alone.window(tumbling(10)).aggregate({ n: count() });
    windows.to(counts);
    windows.late.to(numbers);
  });
  const records = [
    [10, 1],
    [54, 3],
    [55, 0],
    [103, 0],
    [310, 2],
  ].map(([at, n]) => reading(at ?? 0, n ?? 0));
  const outputs = await sameInEveryMode(behind, [{ records }]);
  expect(valuesOf(outputs, 'counts')).toMatchObject([
    { n: 2, windowEnd: 60 }, // the left one of 10, and the pair
    { n: 1, windowEnd: 150 },
    { n: 1, windowEnd: 360 },
  ]);
  expect(valuesOf(outputs, 'numbers')).toEqual([]);
});

test('what has met none comes as soon as none can come that it would meet', async () => {
  const alone = joining((left, right) => {
    left
      .connect(right)
      .within({ before: 40, after: 43 })
      .leftJoin((l) => l.n)
      .to(numbers);
  });
  const until = async (at: number) => {
    const script = [{ records: [reading(10, 1), reading(at, 0, 'b')] }];
    return valuesOf(
      (await runScript(alone, script, undefined, { drain: false })).outputs,
      'numbers',
    );
  };
  expect(await until(53)).toEqual([]);
  expect(await until(54)).toEqual([1]);
});

const lookup = joining((left, right) => {
  const then = left.connect(right.toTable()).asOfEventTime({ grace: 15 });
  then.leftJoin((l, row) => [l.at, row?.at ?? -1]).to(times);
});

test('a version of a row is kept as long as a late record may ask for it', async () => {
  const records = [reading(10, 0), reading(12, 0), reading(26, 0, 'b'), reading(11, 1)];
  const { outputs } = await runScript(lookup, [{ records }]);
  expect(valuesOf(outputs, 'times')).toEqual([[11, 10]]);
});

test('a late change does not bring back a row that has gone since', async () => {
  const deleting = joining((left, right) => {
    const rows = right.toTable({ deleteWhen: (r) => r.n === 0 });
    const then = left.connect(rows).asOfEventTime({ grace: 10 });
    then.leftJoin((l, row) => [l.at, row?.at ?? -1]).to(times);
  });
  const until = [reading(10, -1), reading(20, 0), reading(45, 0, 'b')];
  const script = [{ records: [...until, reading(15, -2), reading(50, 1)] }];
  expect(valuesOf((await runScript(deleting, script)).outputs, 'times')).toEqual([[50, -1]]);
});

test('versions that nobody can ask for any more go', async () => {
  const run = new ScriptRun(lookup);
  await run.makeTopics(1);
  await run.start();
  const changes = Array.from({ length: 50 }, (_, i) => reading(10 + i, 0));
  await run.step({ records: [...changes, reading(500, 0, 'b')] });
  expect(run.handle.metrics().stateEntries).toBeLessThan(10);
  await run.finish(true);
});

test('a late record is counted, and told apart with its side', async () => {
  const joins = joining((left, right) => {
    const joined = left
      .connect(right)
      .within({ before: 100 })
      .join((l) => l.n);
    joined.to(numbers);
    joined.late.to(late);
  });
  const script = [{ records: [reading(50, 0), reading(40, 0), reading(40, 1), reading(60, 2)] }];
  const { outputs } = await runScript(joins, script);
  expect(valuesOf(outputs, 'late')).toEqual([
    { side: 'right', value: { key: 'a', at: 40, n: 0 } },
    { side: 'left', value: { key: 'a', at: 40, n: 1 } },
  ]);
  expect(valuesOf(outputs, 'numbers')).toEqual([2]);
});

test('a window that gets more records than it may have stops the job, and says so', async () => {
  const joins = joining((left, right) => {
    left
      .connect(right)
      .window(tumbling(10))
      .join((l) => l.n, { max: 3 })
      .to(numbers);
  });
  const records = [1, 2, 0, 3].map((n) => reading(1, n));
  await expect(runScript(joins, [{ records }])).rejects.toMatchObject({ code: 'USER_FUNCTION' });
});

test.each([
  [
    'no function',
    (left: Side, right: Side) =>
      left
        .connect(right)
        .within({ after: 1 })
        .join(5 as never),
    'join() takes a function, not 5',
  ],
  [
    'no duration',
    (left: Side, right: Side) => left.connect(right).within({ after: 'soon' as never }),
    '{ after } of within()',
  ],
  [
    'an unknown option',
    (left: Side, right: Side) => left.connect(right).within({ behind: 1 } as never),
    'within() has no option "behind"',
  ],
  [
    'no windows',
    (left: Side, right: Side) => left.connect(right).window(5 as never),
    'window() takes windows',
  ],
  [
    'no group function',
    (left: Side, right: Side) =>
      left
        .connect(right)
        .window(tumbling(1))
        .coGroup('x' as never),
    'coGroup() takes a function',
  ],
])('%s is refused by name', (_, build, message) => {
  expect(() => joining(build)).toThrow(message);
});
