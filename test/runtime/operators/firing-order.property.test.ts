/**
 * In which order steps behind one another fire, for random chains of windows and of processes with
 * timers, some of them for times that have passed:
 *
 * - The last step sees the same records and timers in the same order, each at the same
 *   `context.watermark`, whether the watermark moves record by record, in some jumps, or in one.
 * - So it does with a commit after each firing, and a crash there.
 * - While a timer fires that is not late, `context.watermark` is its time; a record that came of a
 *   window or such a timer has a later time than `context.watermark`.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { count, job, type KeyedStream, topic, tumbling, value } from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import {
  type Outputs,
  runScript,
  type ScriptRecord,
  type ScriptStep,
  valuesOf,
} from '../../support/operator-harness.ts';
import { type Mode, plainMode } from '../../support/operator-harness-modes.ts';
import {
  byReading,
  type Reading,
  readings,
  scriptsTried,
} from '../../support/operator-harness-scripts.ts';

interface Seen {
  readonly what: 'record' | 'timer';
  readonly timestamp: number;
  readonly watermark: number;
  readonly n: number;
}

const seen = topic('seen', { key: keyJson<string>(), value: json<Seen>(), partitions: 1 });

type Read = KeyedStream<Reading, string>;

/** One step; what the first one gives must not depend on how far time was when its records came. */
type Shape =
  | { readonly kind: 'window'; readonly sizeMs: number }
  | { readonly kind: 'process'; readonly timers: readonly number[] };

const window = fc.record({
  kind: fc.constant('window' as const),
  sizeMs: fc.constantFrom(1, 4, 10, 15),
});
const first: fc.Arbitrary<Shape> = fc.oneof(
  window,
  fc.record({
    kind: fc.constant('process' as const),
    timers: fc.uniqueArray(fc.nat({ max: 20 }), { minLength: 1, maxLength: 2 }),
  }),
);
const delays = fc.uniqueArray(fc.integer({ min: -6, max: 12 }), { maxLength: 2 });
const middle: fc.Arbitrary<Shape> = fc.oneof(
  window,
  fc.record({ kind: fc.constant('process' as const), timers: delays }),
);
const graphs = fc.record({
  first,
  middle: fc.option(middle, { nil: undefined }),
  last: delays,
});
type Shapes = typeof graphs extends fc.Arbitrary<infer Value> ? Value : never;

function windowed(stream: Read, name: string, sizeMs: number): Read {
  return stream
    .window(tumbling(sizeMs))
    .aggregate({ n: count() }, { name })
    .map(({ n, windowEnd }) => ({ key: String(n % 2), at: windowEnd - 1, n }))
    .keyBy((reading) => reading.key);
}

/** Gives a reading for each timer, from the timer alone. */
function waiting(stream: Read, name: string, timers: readonly number[]): Read {
  return stream
    .process({
      name,
      onRecord({ at }, { timers: { event } }) {
        for (const delay of timers) event.set(at + delay);
      },
      onTimer: ({ time }, { key }) => [{ key, at: time, n: time }],
    })
    .keyBy((reading) => `${reading.n % 3}`);
}

/** Gives a reading for each record and each timer, from all that it has seen. */
function counting(stream: Read, name: string, timers: readonly number[]): Read {
  return stream
    .process({
      name,
      state: { met: value<number>() },
      onRecord({ n }, { state, key, timestamp, watermark, timers: { event } }) {
        const met = 1 + (state.met.get() ?? 0);
        state.met.set(met);
        for (const delay of timers) event.set(timestamp + delay);
        return [{ key, at: timestamp, n: 1000 * n + 100 * met + (timestamp - watermark) }];
      },
      onTimer: ({ time }, { state, key, watermark }) => [
        { key, at: time, n: 100 * (state.met.get() ?? 0) + (time - watermark) },
      ],
    })
    .keyBy((reading) => `${reading.n % 2}`);
}

function jobOf({ first: begin, middle: then, last }: Shapes): Job {
  return job('order', ({ from }) => {
    const read = from(readings, byReading)
      .filter((reading) => reading.key !== '')
      .keyBy((reading) => reading.key);
    const begun =
      begin.kind === 'window'
        ? windowed(read, 'first', begin.sizeMs)
        : waiting(read, 'first', begin.timers);
    const went =
      then === undefined
        ? begun
        : then.kind === 'window'
          ? windowed(begun, 'middle', then.sizeMs)
          : counting(begun, 'middle', then.timers);
    went
      .process({
        name: 'last',
        state: { met: value<number>() },
        onRecord({ n }, { state, timestamp, watermark, timers: { event } }): Seen[] {
          state.met.update((before = 0) => before + 1);
          for (const delay of last) event.set(timestamp + delay);
          return [{ what: 'record', timestamp, watermark, n }];
        },
        onTimer: ({ time: timestamp }, { state, watermark }): Seen[] => [
          { what: 'timer', timestamp, watermark, n: state.met.get() ?? 0 },
        ],
      })
      .to(seen);
  });
}

const input = fc
  .array(
    fc.record({ key: fc.constantFrom('a', 'b', 'ü'), at: fc.nat({ max: 40 }), n: fc.nat(9) }),
    { minLength: 1, maxLength: 10 },
  )
  .map((of) => of.toSorted((a, b) => a.at - b.at));

const end = 1000;

/** A record of partition 1, which says how far time is there; or of 0, behind all input. */
const tick = (at: number, partition = 1): ScriptRecord => {
  return { partition, value: { key: '', at, n: 0 } };
};

function recordByRecord(all: readonly Reading[]): ScriptStep[] {
  const records = all.flatMap((of) => [{ partition: 0, value: of }, tick(of.at)]);
  return [{ records: [...records, tick(end, 0), tick(end)] }];
}

/** Everything is read before time begins to move. */
function inJumps(all: readonly Reading[], to: readonly number[]): ScriptStep[] {
  const records = all.map((of) => ({ partition: 0, value: of }));
  return [
    { records: [tick(0), ...records] },
    { records: [tick(end, 0)] },
    ...[...to, end].map((at) => ({ records: [tick(at)] })),
  ];
}

const jumps = fc
  .uniqueArray(fc.integer({ min: 1, max: 70 }), { maxLength: 6 })
  .map((to) => to.toSorted((a, b) => a - b));

/** A commit after each firing. */
const apart = { batchRecords: 1000, epoch: { epochRecords: 1, epochMs: 0 } } as const;
const interrupted: readonly Mode[] = [
  { ...apart, name: 'crashed after each', state: 'changelog', atCommit: () => 'crash after' },
  {
    ...apart,
    name: 'crashed before and after each',
    state: 'state file',
    atCommit: (n) => (n % 2 === 0 ? 'crash after' : 'crash before'),
  },
];

const outputsOf = async (of: Job, script: readonly ScriptStep[], mode: Mode = plainMode) =>
  (await runScript(of, script, mode)).outputs;

test('what a step sees does not depend on how far the watermark moves at once', async () => {
  await fc.assert(
    fc.asyncProperty(graphs, input, jumps, async (shapes, all, to) => {
      const order = jobOf(shapes);
      const expected = await outputsOf(order, inJumps(all, []));
      expect(await outputsOf(order, inJumps(all, to)), 'some jumps').toEqual(expected);
      expect(await outputsOf(order, recordByRecord(all)), 'record by record').toEqual(expected);
      checkTimes(expected, shapes);
    }),
    { numRuns: scriptsTried(60) },
  );
});

test('nor on crashes between two firings', async () => {
  await fc.assert(
    fc.asyncProperty(graphs, input, jumps, async (shapes, all, to) => {
      const order = jobOf(shapes);
      const expected = await outputsOf(order, inJumps(all, []));
      for (const mode of interrupted) {
        expect(await outputsOf(order, inJumps(all, to), mode), mode.name).toEqual(expected);
      }
    }),
    { numRuns: scriptsTried(8) },
  );
});

function checkTimes(outputs: Outputs, { middle: then, last }: Shapes): void {
  const all = valuesOf(outputs, 'seen') as Seen[]; // as the last step gives them
  const isEarly = (timers: readonly number[]) => timers.some((delay) => delay < 0);
  const mayPass = isEarly(last) || (then?.kind === 'process' && isEarly(then.timers));
  for (const { what, timestamp, watermark } of mayPass ? [] : all) {
    expect(watermark).toBe(what === 'timer' ? timestamp : timestamp - 1);
  }
}
