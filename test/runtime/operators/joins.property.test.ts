/**
 * Joins of two streams against naive ones that look through the whole history:
 *
 *   - within: each left record with each right one that is near, at the time of the later one; those
 *     that met none, at the time from which none can come; late ones are told apart
 *   - window: the same within each window
 *
 * In every mode, record for record.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  job,
  type KeyedStream,
  type Sided,
  topic,
  tumbling,
  type WindowResults,
} from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import { type Outputs, sameInEveryMode } from '../../support/operator-harness.ts';
import { historyOf, type Met } from '../../support/operator-harness-model.ts';
import {
  byReading,
  type Reading,
  readingScripts,
  readings,
  scriptsTried,
  someModes,
} from '../../support/operator-harness-scripts.ts';

const outOfOrderness = 8;
const kinds = ['join', 'leftJoin', 'rightJoin', 'outerJoin'] as const;
const intervals = [
  { before: 5, after: 12 },
  { before: 0, after: 20 },
  { before: 9, after: 0 },
  { before: 0, after: 0 },
] as const;
const size = 15;

const lateTopic = topic('late', {
  key: keyJson<string>(),
  value: json<Sided<Reading, Reading>>(),
});

type Joined = readonly [left: Reading | undefined, right: Reading | undefined];

const pair = (left: Reading | undefined, right: Reading | undefined) => ({
  left: left ?? null,
  right: right ?? null,
});
const joinedTo = <Late>(name: string, joined: WindowResults<object, string, Late>) => {
  joined.to(topic(name, { key: keyJson<string>(), value: json<object>() }));
};
const isLeft = (r: Reading) => r.n > 0;

function jobWith(build: (left: Side, right: Side) => void) {
  return job('joins', ({ from }) => {
    const all = from(readings, { ...byReading, outOfOrderness });
    const left = all.filter(isLeft).keyBy((r) => r.key);
    const right = all.filter((r) => !isLeft(r)).keyBy((r) => r.key);
    build(left, right);
  });
}

type Side = KeyedStream<Reading, string>;

const byInterval = intervals.map(({ before, after }) =>
  jobWith((left, right) => {
    const near = left.connect(right).within({ before, after });
    for (const kind of kinds) joinedTo(kind, near[kind](pair, { name: kind }));
    near.join(pair, { name: 'late' }).late.to(lateTopic);
  }),
);

const byWindow = jobWith((left, right) => {
  const windows = left.connect(right).window(tumbling(size));
  for (const kind of kinds) joinedTo(kind, windows[kind](pair, { name: kind }));
  const grouped = windows.coGroup((lefts, rights, { windowStart }) => [
    { windowStart, lefts: lefts.map(({ n }) => n), rights: rights.map(({ n }) => n) },
  ]);
  joinedTo('groups', grouped);
  grouped.late.to(lateTopic);
});

const scripts = readingScripts({ partitions: 2, timeMax: 60, recordsMax: 20 });

test.each(intervals.map((interval, i) => ({ ...interval, job: byInterval[i] ?? byWindow })))(
  'records from $before before to $after behind meet, as naively looked for',
  async ({ before, after, job: joins }) => {
    await fc.assert(
      fc.asyncProperty(scripts, someModes, async (script, modes) => {
        const outputs = await sameInEveryMode(joins, script, { modes, partitions: 2 });
        const { met } = historyOf<Reading>(script, outOfOrderness);
        const onTime = met.filter(({ at, watermark }) => at > watermark);
        const meet = (left: Met<Reading>, right: Met<Reading>) =>
          left.at - before <= right.at && right.at <= left.at + after;
        expectKinds(outputs, [onTime], meet, {
          left: ({ at }) => at + after,
          right: ({ at }) => at + before,
          both: (left, right) => Math.max(left.at, right.at),
        });
        const late = met.filter((of) => !onTime.includes(of)).map(sided);
        expect(texts(outputs, 'late', false)).toEqual(late.map((of) => JSON.stringify(of)).sort());
      }),
      { numRuns: scriptsTried(8) },
    );
  },
);

test('records of a window meet, as naively looked for', async () => {
  await fc.assert(
    fc.asyncProperty(scripts, someModes, async (script, modes) => {
      const outputs = await sameInEveryMode(byWindow, script, { modes, partitions: 2 });
      const { met } = historyOf<Reading>(script, outOfOrderness);
      const startOf = ({ at }: Met<Reading>) => Math.floor(at / size) * size;
      const onTime = met.filter((of) => startOf(of) + size - 1 > of.watermark);
      const windows = [...Map.groupBy(onTime, startOf).values()];
      const end = (of: Met<Reading>) => startOf(of) + size - 1;
      expectKinds(outputs, windows, () => true, { left: end, right: end, both: end });
      const late = met.filter((of) => !onTime.includes(of)).map(sided);
      expect(texts(outputs, 'late', false)).toEqual(late.map((of) => JSON.stringify(of)).sort());
      const groups = windows.flatMap((window) => {
        return [...Map.groupBy(window, ({ value }) => value.key).values()].map((of) => {
          const inTime = of.toSorted((a, b) => a.at - b.at).map(({ value }) => value);
          const windowStart = startOf(of[0] as Met<Reading>); // a group has one
          const ns = (some: Reading[]) => some.map(({ n }) => n);
          const [lefts, rights] = [inTime.filter(isLeft), inTime.filter((r) => !isLeft(r))];
          return JSON.stringify({ windowStart, lefts: ns(lefts), rights: ns(rights) });
        });
      });
      expect(texts(outputs, 'groups', false)).toEqual(groups.sort());
    }),
    { numRuns: scriptsTried(8) },
  );
});

interface Times {
  left(of: Met<Reading>): number;
  right(of: Met<Reading>): number;
  both(left: Met<Reading>, right: Met<Reading>): number;
}

/** Each kind has the pairs, and its own of what met none. */
function expectKinds(
  outputs: Outputs,
  parts: readonly (readonly Met<Reading>[])[],
  meet: (left: Met<Reading>, right: Met<Reading>) => boolean,
  times: Times,
): void {
  const found = { pairs: [] as string[], left: [] as string[], right: [] as string[] };
  const note = (of: Joined, time: number) => JSON.stringify([pair(...of), time]);
  for (const part of parts) {
    const lefts = part.filter(({ value }) => isLeft(value));
    const rights = part.filter(({ value }) => !isLeft(value));
    const pairs = lefts.flatMap((left) =>
      rights
        .filter((right) => left.value.key === right.value.key && meet(left, right))
        .map((right) => [left, right] as const),
    );
    for (const [l, r] of pairs) found.pairs.push(note([l.value, r.value], times.both(l, r)));
    for (const l of lefts) {
      if (!pairs.some(([of]) => of === l))
        found.left.push(note([l.value, undefined], times.left(l)));
    }
    for (const r of rights) {
      if (pairs.some(([, of]) => of === r)) continue;
      found.right.push(note([undefined, r.value], times.right(r)));
    }
  }
  const { pairs, left, right } = found;
  const expected = {
    join: pairs,
    leftJoin: [...pairs, ...left],
    rightJoin: [...pairs, ...right],
    outerJoin: [...pairs, ...left, ...right],
  };
  for (const kind of kinds) expect(texts(outputs, kind, true), kind).toEqual(expected[kind].sort());
}

function sided({ value }: Met<Reading>): object {
  return { side: isLeft(value) ? 'left' : 'right', value };
}

/** In no order, since keys lie in several partitions. */
function texts(outputs: Outputs, name: string, withTime: boolean): string[] {
  const records = Object.entries(outputs).flatMap(([of, records]) =>
    of.startsWith(`${name}/`) ? records : [],
  );
  return records
    .map(({ value, timestamp }) => JSON.stringify(withTime ? [value, timestamp] : value))
    .sort();
}
