/** Jobs of random steps, over random records of two topics: out of order, and with many ties. */
import fc from 'fast-check';
import { RecordBatchBuilder } from '../../src/broker/index.ts';
import { count, job, type Stream, sum, topic, tumbling, value } from '../../src/dsl/index.ts';
import { json, keyJson } from '../../src/formats/index.ts';
import type { Job } from '../../src/runtime/index.ts';
import type { SharedInput } from './shared-job.ts';

interface Item {
  readonly k: string;
  readonly at: number;
  readonly n: number;
}

type Items = Stream<Item, unknown>;

/** Which streams a step reads, of those that there are by then, modulo their number. */
export interface Shape {
  readonly kind: (typeof kinds)[number];
  readonly left: number;
  readonly right: number;
  /** Sizes of windows, and how long timers wait. */
  readonly ms: number;
}

const kinds = [
  ...(['map', 'filter', 'flatMap', 'union', 'split'] as const),
  ...(['process', 'process', 'process', 'window', 'connect', 'connect', 'broadcast'] as const),
];

export const shapes: fc.Arbitrary<Shape[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds),
    left: fc.nat({ max: 5 }),
    right: fc.nat({ max: 5 }),
    ms: fc.integer({ min: 1, max: 12 }),
  }),
  { minLength: 1, maxLength: 6 },
);

const topics = { 'random-a': 3, 'random-b': 2 } as const;
const [a, b] = (['random-a', 'random-b'] as const).map((name) =>
  topic(name, { key: keyJson<string>(), value: json<Item>() }),
) as [Read, Read];
type Read = ReturnType<typeof topic<string, Item>>;

const keys = ['a', 'b', 'c', 'd', 'e', 'f'];

export interface RandomItem {
  readonly from: keyof typeof topics;
  readonly partition: number;
  readonly k: string;
  /** Behind the ones before, or ahead of them. */
  readonly step: number;
  readonly n: number;
}

const items: fc.Arbitrary<RandomItem[]> = fc.array(
  fc.record({
    from: fc.constantFrom('random-a' as const, 'random-a' as const, 'random-b' as const),
    partition: fc.nat({ max: 2 }),
    k: fc.constantFrom(...keys),
    step: fc.integer({ min: -6, max: 9 }),
    n: fc.nat({ max: 9 }),
  }),
  { minLength: 1, maxLength: 40 },
);

export const inputs: fc.Arbitrary<SharedInput> = items.map(inputOf);

export function inputOf(all: readonly RandomItem[]): SharedInput {
  const builders = new Map<string, RecordBatchBuilder>();
  let at = 0;
  for (const { from, partition, k, step, n } of all) {
    at = Math.max(0, at + step);
    const name = `${from}/${partition % topics[from]}`;
    const builder = builders.get(name) ?? new RecordBatchBuilder();
    builders.set(name, builder);
    const bytes = Buffer.from(JSON.stringify({ k, at, n } satisfies Item));
    builder.append(at, keyJson<string>().encode(k), bytes);
  }
  const appends = [...builders].map(([name, builder]) => {
    const [from = '', partition = ''] = name.split('/');
    const { recordCount, maxTimestamp } = builder;
    const of = { topic: from, partition: Number(partition), recordCount, maxTimestamp };
    return { ...of, batches: builder.build() };
  });
  return { topics, appends };
}

/** Every stream that no step reads is written. */
export function randomJob(steps: readonly Shape[], disorder: readonly [number, number]): Job {
  return job('random', ({ from }) => {
    const eventTime = (item: Item) => item.at;
    const streams: Items[] = [a, b].map((of, i) =>
      from(of, { eventTime, outOfOrderness: disorder[i] ?? 0, quietAfter: 'off' }),
    );
    const unread = new Set(streams);
    for (const [i, step] of steps.entries()) {
      const take = (at: number): Items => {
        const stream = streams[at % streams.length] as Items; // there are some
        unread.delete(stream);
        return stream;
      };
      for (const made of makeStep(i, step, take)) {
        streams.push(made);
        unread.add(made);
      }
    }
    for (const [i, stream] of [...unread].entries()) {
      const of = topic(`random-out-${i}`, { key: keyJson<string>(), value: json<Item>() });
      stream.keyBy(({ k }) => k).to(of);
    }
  });
}

function makeStep(i: number, step: Shape, take: (at: number) => Items): Items[] {
  const { kind, ms } = step;
  const left = take(step.left);
  const name = `step-${i}`;
  switch (kind) {
    case 'map':
      return [left.map((item) => ({ ...item, n: item.n + 1, k: turned(item.k, item.n) }))];
    case 'filter':
      return [left.filter(({ n }) => n % 3 > 0)];
    case 'flatMap':
      return [left.flatMap((item) => [item, { ...item, k: turned(item.k, 1), n: item.n + 10 }])];
    case 'union':
      return [left.union(take(step.right))];
    case 'split': {
      const { odd, rest } = left.split({ odd: ({ n }) => n % 2 === 1 });
      return [odd, rest];
    }
    case 'process':
      return [processed(left, name, ms)];
    case 'window':
      return windowed(left, name, ms);
    case 'connect':
      return [connected(left, take(step.right), name)];
    case 'broadcast':
      return [broadcast(left, take(step.right), name)];
  }
}

/** What it gives tells in which order it has met the records, and how far time was. */
function processed(stream: Items, name: string, ms: number): Items {
  const results = stream
    .keyBy(({ k }) => k)
    .process({
      name,
      state: { seen: value<number>() },
      onRecord(item, { state, timers, watermark }): Item[] {
        const seen = mixed(state.seen.get(), item.n, watermark);
        state.seen.set(seen);
        // Not for a time that has passed: see the limits in docs/parallelism.md.
        timers.event.set(Math.max(item.at + ms - 4, watermark + 1));
        return [{ ...item, k: turned(item.k, seen), n: seen }];
      },
      onTimer({ time }, { key, state }): Item[] {
        const seen = mixed(state.seen.get(), time, 0);
        state.seen.set(seen);
        return [{ k: turned(key, seen), at: time, n: seen }];
      },
    });
  return results;
}

function windowed(stream: Items, name: string, ms: number): Items[] {
  const windows = stream
    .keyBy(({ k }) => k)
    .window(tumbling(ms))
    .aggregate({ n: count(), total: sum((item) => item.n) }, { name });
  const results = windows.map(({ n, total, windowStart }) => ({
    k: keys[total % keys.length] ?? '',
    at: windowStart,
    n: total + n,
  }));
  return [results, windows.late];
}

function connected(left: Items, right: Items, name: string): Items {
  const results = left
    .keyBy(({ k }) => k)
    .connect(right.keyBy(({ k }) => k))
    .process({
      name,
      state: { seen: value<number>() },
      onLeft(item, { state }): Item[] {
        state.seen.set(mixed(state.seen.get(), item.n, 1));
        return [];
      },
      onRight(item, { state }): Item[] {
        const seen = mixed(state.seen.get(), item.n, 2);
        state.seen.set(seen);
        return [{ ...item, k: turned(item.k, seen), n: seen }];
      },
    });
  return results;
}

function broadcast(left: Items, right: Items, name: string): Items {
  const results = left
    .keyBy(({ k }) => k)
    .connectBroadcast(right)
    .process({
      name,
      state: {},
      broadcast: { last: value<number>() },
      onRecord: (item, { broadcast: { last } }): Item[] => [
        { ...item, n: mixed(last.get(), item.n, 3) },
      ],
      onBroadcast: (item, { broadcast: { last } }) => void last.set(item.n),
    });
  return results;
}

/** Another key, for some. */
function turned(key: string, by: number): string {
  return keys[(keys.indexOf(key) + (Math.abs(by) % 3)) % keys.length] ?? key;
}

/** Depends on the order in which it is called. */
function mixed(before: number | undefined, n: number, m: number): number {
  const finite = Number.isFinite(m) ? m : -1;
  return Math.abs(((before ?? 1) * 31 + n * 7 + finite) % 9973);
}
