/** The jobs of a simulation, and what must hold of their outputs, from the input alone. */
import { count, job, sum, topic, tumbling, value } from '../../src/dsl/index.ts';
import { json, string } from '../../src/formats/index.ts';
import type { Job, TopicRecord } from '../../src/runtime/index.ts';

export interface Item {
  /** From 1, in the order of the input. */
  readonly id: number;
  readonly key: string;
  readonly group: string;
}

export interface InputRecord extends Item {
  readonly topic: 'a' | 'b';
  readonly partition: number;
  readonly time: number;
}

export type Output = TopicRecord<string, unknown>;
/** By topic; of each partition in its order. */
export type Outputs = ReadonlyMap<string, readonly Output[]>;

export interface Shape {
  readonly name: string;
  /** How far records of a partition are out of order, in ms. */
  readonly disorderMs: number;
  /** Whether the clock closes windows. */
  readonly isQuiet: boolean;
  build(parallelism: number): Job;
  /** What is wrong with the outputs. */
  check(input: readonly InputRecord[], outputs: Outputs): string[];
}

export const outTopics = ['first', 'late', 'second', 'late-second'] as const;

export const topics = {
  a: topic('a', { key: string(), value: json<Item>() }),
  b: topic('b', { key: string(), value: json<Item>() }),
  first: topic('first', { key: string(), value: json<unknown>() }),
  late: topic('late', { key: string(), value: json<unknown>() }),
  second: topic('second', { key: string(), value: json<unknown>() }),
  'late-second': topic('late-second', { key: string(), value: json<unknown>() }),
};

interface Totals {
  readonly n: number;
  readonly total: number;
}
interface Windowed extends Totals {
  readonly windowStart: number;
}

const windowMs = 2000;
const secondMs = 6000;
const slotOf = (windowStart: number) => `slot-${(windowStart / windowMs) % 3}`;

/** Windows, their results keyed anew, and windows of those. */
function windowShape(
  name: string,
  options: {
    readonly sources: readonly ('a' | 'b')[];
    readonly disorderMs: number;
    readonly quiet?: boolean;
  },
): Shape {
  const { sources, disorderMs, quiet = false } = options;
  const reading = {
    outOfOrderness: 1000,
    ...(quiet
      ? ({ quietAfter: 1500, idleAfter: 700 } as const)
      : ({ quietAfter: 'off', idleAfter: '1d' } as const)),
  };
  const build = (parallelism: number) =>
    job(
      name,
      ({ from }) => {
        const [first, ...others] = sources.map((of) => from(topics[of], reading));
        const items = others.reduce((all, other) => all?.union(other), first);
        if (items === undefined) throw new Error('a shape reads something');
        const windows = items
          .keyBy((item) => item.key)
          .window(tumbling(windowMs))
          .aggregate({ n: count(), total: sum((item) => item.id) });
        windows.to(topics.first);
        windows.late.to(topics.late);
        const second = windows
          .keyBy((w) => slotOf(w.windowStart))
          .window(tumbling(secondMs))
          .aggregate({ n: sum((w) => w.n), total: sum((w) => w.total) });
        second.to(topics.second);
        second.late.map((w) => w).to(topics['late-second']);
      },
      { parallelism },
    );
  return {
    ...{ name, disorderMs, isQuiet: quiet, build },
    check: (input, outputs) => checkWindows(input, outputs, quiet),
  };
}

/**
 * `mayBeLate`: where the clock moves event time it does so in each stage, and one may be beyond
 * what another one has yet to send.
 */
function checkWindows(
  input: readonly InputRecord[],
  outputs: Outputs,
  mayBeLate: boolean,
): string[] {
  const late = valuesOf<Item>(outputs, 'late');
  const idsLate = late.map(({ value: { id } }) => id);
  const wrong = doubles('late', idsLate);
  const counted = input.filter(({ id }) => !idsLate.includes(id));
  const first = valuesOf<Windowed>(outputs, 'first');
  wrong.push(
    ...differences(
      'first',
      totalsOf(
        counted.map((r) => [`${r.key} ${startOf(r.time, windowMs)}`, { n: 1, total: r.id }]),
      ),
      first.map(({ key, value }) => [`${key} ${value.windowStart}`, value]),
    ),
  );
  const lateSecond = valuesOf<Windowed>(outputs, 'late-second').map(({ value }) => value);
  const counts = (of: readonly Windowed[]) =>
    of.map((w): [string, Totals] => [
      `${slotOf(w.windowStart)} ${startOf(w.windowStart + windowMs - 1, secondMs)}`,
      w,
    ]);
  if (lateSecond.length > 0 && !mayBeLate) {
    wrong.push(`late in the second step, which never happens: ${JSON.stringify(lateSecond)}`);
  }
  wrong.push(
    ...differences(
      'second',
      totalsOf([
        ...counts(first.map(({ value }) => value)),
        ...counts(lateSecond.map((w) => ({ ...w, n: -w.n, total: -w.total }))),
      ]),
      valuesOf<Windowed>(outputs, 'second').map(({ key, value }) => [
        `${key} ${value.windowStart}`,
        value,
      ]),
    ),
  );
  return [...wrong, ...disorder(outputs, 'first'), ...disorder(outputs, 'second')];
}

/** A running count with timers, keyed anew and counted again. */
const processShape: Shape = {
  ...{ name: 'process', disorderMs: 800, isQuiet: false },
  build: (parallelism) =>
    job(
      'process',
      ({ from }) => {
        const seen = from(topics.a, { outOfOrderness: 1000, quietAfter: 'off', idleAfter: '1d' })
          .keyBy((item) => item.key)
          .process({
            state: { n: value<number>() },
            onRecord(item, { state, timers, timestamp }) {
              const n = (state.n.get() ?? 0) + 1;
              state.n.set(n);
              timers.event.set(timestamp + 700);
              return [{ kind: 'record', id: item.id, n, group: item.group }];
            },
            onTimer: ({ time }, { state }) => [
              { kind: 'timer', id: time, n: state.n.get() ?? 0, group: 'timers' },
            ],
          });
        seen.to(topics.first);
        seen
          .keyBy((s) => s.group)
          .process({
            state: { n: value<number>() },
            onRecord(s, { state }) {
              const n = (state.n.get() ?? 0) + 1;
              state.n.set(n);
              return [{ kind: s.kind, id: s.id, n }];
            },
          })
          .to(topics.second);
      },
      { parallelism },
    ),
  check: checkProcess,
};

interface Seen {
  readonly kind: 'record' | 'timer';
  readonly id: number;
  readonly n: number;
}

function checkProcess(input: readonly InputRecord[], outputs: Outputs): string[] {
  const first = valuesOf<Seen>(outputs, 'first');
  const records = first.filter(({ value }) => value.kind === 'record');
  const timers = first.filter(({ value }) => value.kind === 'timer');
  const wrong = differences(
    'records',
    totalsOf(input.map((r) => [`${r.key} ${r.id}`, { n: 1, total: 0 }])),
    records.map(({ key, value }) => [`${key} ${value.id}`, { n: 1, total: 0 }]),
  );
  wrong.push(...gaps('records', records));
  const due = [...new Set(input.map((r) => `${r.key} ${r.time + 700}`))];
  const fired = timers.map(({ key, value }) => `${key} ${value.id}`);
  // A record that comes late sets a timer again, which fires again.
  for (const of of due) if (!fired.includes(of)) wrong.push(`timer ${of} did not fire`);
  for (const of of fired) if (!due.includes(of)) wrong.push(`timer ${of} was never set`);
  const second = valuesOf<Seen>(outputs, 'second');
  if (second.length !== first.length) {
    wrong.push(`second has ${second.length} results of ${first.length}`);
  }
  return [...wrong, ...gaps('second', second)];
}

/** Pairs of records of two topics that lie near to one another. */
const nearMs = 600;
const joinShape: Shape = {
  ...{ name: 'join', disorderMs: 800, isQuiet: false },
  build: (parallelism) =>
    job(
      'join',
      ({ from }) => {
        const reading = { outOfOrderness: 1000, quietAfter: 'off', idleAfter: '1d' } as const;
        const joined = from(topics.a, reading)
          .keyBy((item) => item.key)
          .connect(from(topics.b, reading).keyBy((item) => item.key))
          .within({ before: nearMs, after: nearMs })
          .outerJoin((a, b) => ({ a: a?.id ?? 0, b: b?.id ?? 0 }));
        joined.to(topics.first);
        joined.late.map((of) => of.value).to(topics.late);
      },
      { parallelism },
    ),
  check: checkJoin,
};

function checkJoin(input: readonly InputRecord[], outputs: Outputs): string[] {
  const late = valuesOf<Item>(outputs, 'late').map(({ value }) => value.id);
  const onTime = input.filter(({ id }) => !late.includes(id));
  const [left, right] = [of('a'), of('b')];
  function of(name: string): InputRecord[] {
    return onTime.filter((r) => r.topic === name);
  }
  const areNear = (a: InputRecord, b: InputRecord) =>
    a.key === b.key && Math.abs(a.time - b.time) <= nearMs;
  const pairs = left.flatMap((a) =>
    right.filter((b) => areNear(a, b)).map((b) => `${a.id} ${b.id}`),
  );
  const lonely = [
    ...left.filter((a) => !right.some((b) => areNear(a, b))).map((a) => `${a.id} 0`),
    ...right.filter((b) => !left.some((a) => areNear(a, b))).map((b) => `0 ${b.id}`),
  ];
  const one = (name: string): [string, Totals] => [name, { n: 1, total: 0 }];
  return differences(
    'pairs',
    totalsOf([...pairs, ...lonely].map(one)),
    valuesOf<{ a: number; b: number }>(outputs, 'first').map(({ value }) =>
      one(`${value.a} ${value.b}`),
    ),
  );
}

export const shapes: readonly Shape[] = [
  windowShape('windows', { sources: ['a'], disorderMs: 800 }),
  windowShape('late', { sources: ['a'], disorderMs: 4000 }),
  windowShape('union', { sources: ['a', 'b'], disorderMs: 800 }),
  windowShape('quiet', { sources: ['a', 'b'], disorderMs: 800, quiet: true }),
  processShape,
  joinShape,
];

function valuesOf<Value>(outputs: Outputs, of: string): { key: string; value: Value }[] {
  return (outputs.get(of) ?? []).map(({ key, value: written }) => {
    return { key: key ?? '', value: written as Value }; // as the job of the shape writes it
  });
}

function startOf(time: number, size: number): number {
  return Math.floor(time / size) * size;
}

function totalsOf(entries: readonly (readonly [string, Totals])[]): Map<string, Totals> {
  const totals = new Map<string, Totals>();
  for (const [name, { n, total }] of entries) {
    const before = totals.get(name) ?? { n: 0, total: 0 };
    if (before.n + n === 0) totals.delete(name);
    else totals.set(name, { n: before.n + n, total: before.total + total });
  }
  return totals;
}

function differences(
  what: string,
  expected: ReadonlyMap<string, Totals>,
  found: readonly (readonly [string, Totals])[],
): string[] {
  const wrong = doubles(
    what,
    found.map(([name]) => name),
  );
  const names = new Map(found);
  for (const [name, { n, total }] of expected) {
    const of = names.get(name);
    if (of === undefined) wrong.push(`${what}: ${name} is missing`);
    else if (of.n !== n || of.total !== total) {
      wrong.push(`${what}: ${name} is ${of.n}, ${of.total} instead of ${n}, ${total}`);
    }
  }
  for (const name of names.keys()) {
    if (!expected.has(name)) wrong.push(`${what}: ${name} should not be there`);
  }
  return wrong;
}

function doubles(what: string, names: readonly unknown[]): string[] {
  return names.flatMap((name, i) =>
    names.indexOf(name) === i ? [] : [`${what}: ${name} is there twice`],
  );
}

/** Numbers of a key that do not count on. */
function gaps(what: string, seen: readonly { key: string; value: Seen }[]): string[] {
  const last = new Map<string, number>();
  return seen.flatMap(({ key, value: { n } }) => {
    const before = last.get(key) ?? 0;
    last.set(key, n);
    return n === before + 1 ? [] : [`${what}: ${key} counts ${n} after ${before}`];
  });
}

/** Results of a key that go back in time. */
function disorder(outputs: Outputs, of: string): string[] {
  const last = new Map<string, number>();
  return (outputs.get(of) ?? []).flatMap(({ key, timestamp }) => {
    const before = last.get(key ?? '') ?? Number.NEGATIVE_INFINITY;
    last.set(key ?? '', timestamp);
    return timestamp > before ? [] : [`${of}: ${key} goes back from ${before} to ${timestamp}`];
  });
}
