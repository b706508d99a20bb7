/**
 * - A run with records on which functions fail equals one whose first step filters them out, plus
 *   the dead letters; down to the bytes of its changelog.
 * - A run with records that can't be decoded equals one without them, plus the dead letters.
 * - All this in every mode, wherever it fails, in jobs with all kinds of state, timers, windows, late
 *   records and several sinks. What is skipped is what would be a dead letter.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  aggregating,
  count,
  job,
  list,
  map,
  type OnError,
  reducing,
  sum,
  topic,
  tumbling,
  value,
} from '../../src/dsl/index.ts';
import { bytes, json, keyJson, string } from '../../src/formats/index.ts';
import type { Job } from '../../src/runtime/index.ts';
import { TopicOutput } from '../../src/runtime/operators/topic-output.ts';
import { Entries } from '../../src/state/entries.ts';
import { UndoJournal } from '../../src/state/undo-journal.ts';
import {
  type Outputs,
  readAll,
  ScriptRun,
  type ScriptStep,
  sameInEveryMode,
  valuesOf,
} from '../support/operator-harness.ts';
import {
  byReading,
  type Reading,
  readings,
  scriptsTried,
  someModes,
} from '../support/operator-harness-scripts.ts';

/** Where a reading fails: at the place whose number, and this, is its n. */
const poisonFrom = 100;
const places = [
  ...['flatMap', 'keyBy', 'process begins', 'process has done much', 'running', 'window'],
  ...['sink', 'end'],
] as const;

type Place = (typeof places)[number];

const placeOf = ({ n }: Reading): Place | undefined => places[n - poisonFrom];

const one = { key: keyJson<string>(), partitions: 1 };
const to = <Value>(name: string) => topic(name, { ...one, value: json<Value>() });

interface Settings {
  readonly onError: OnError;
  /** In place of failing, poison is filtered out at once. */
  readonly isReference: boolean;
  /** Poison can't even be decoded. */
  readonly isUndecodable?: boolean;
}

const undecodable = topic('readings', {
  key: string(),
  value: {
    ...json<Reading>(),
    decode(of: Uint8Array, start: number, end: number): Reading {
      const reading = json<Reading>().decode(of, start, end);
      if (placeOf(reading) !== undefined) throw new Error('not readable');
      return reading;
    },
  },
});

function jobOf({ onError, isReference, isUndecodable = false }: Settings): Job {
  const check = (place: Place, reading: Reading) => {
    if (placeOf(reading) === place) throw new Error(`poison for ${place}`);
    return reading;
  };
  const build: Parameters<typeof job>[1] = ({ from }) => {
    const source = isUndecodable ? undecodable : readings;
    const all = from(source, { ...byReading, outOfOrderness: 5 });
    const input = isReference ? all.filter((r) => placeOf(r) === undefined) : all;
    input
      .flatMap(function* (r) {
        yield { first: r.n };
        check('flatMap', r);
        yield { second: r.n };
      })
      .to(to('parts'));
    const keyed = input.keyBy((r) => check('keyBy', r).key);
    const windowed = keyed
      .window(tumbling(10))
      .aggregate({ n: count(), total: sum((r) => check('window', r).n) });
    windowed.to(to('windows'));
    windowed.late.map((r) => check('window', r)).to(to('late'));
    keyed
      .process({
        name: 'all-state',
        state: {
          seen: value<number>(),
          short: value<number>({ ttl: '7ms' }),
          items: list<number>(),
          agedItems: list<number>({ ttl: '9ms' }),
          byN: map<number, number>(),
          agedByN: map<number, number>({ ttl: { after: '5ms', refresh: 'read and write' } }),
          total: reducing<number>((a, b) => a + b),
          counted: aggregating(sum<number>((n) => n)),
        },
        *onRecord(r, { state, timers }) {
          check('process begins', r);
          const n = Math.abs(r.n) % 7;
          state.seen.update((seen = 0) => seen + 1);
          state.short.set(r.n);
          if (n === 0) state.items.clear();
          state.items.add(r.n);
          state.agedItems.add(r.n);
          if (n === 1) state.byN.clear();
          state.byN.set(n, r.n);
          state.agedByN.update(n, (before = 0) => before + 1);
          if (n === 2) state.byN.delete(3);
          state.total.add(r.n);
          state.counted.add(r.n);
          timers.event.set(r.at + n);
          if (n % 2 === 0) timers.event.delete(r.at + 1);
          timers.processing.set(r.at);
          yield [r.n, state.seen.get(), ...state.items.values()];
          check('process has done much', r);
          yield [...state.byN.entries(), state.counted.get(), state.total.get()];
        },
        onTimer: ({ kind, time }, { state }) => [
          [kind, time, state.seen.get(), state.short.get(), [...state.agedItems.values()]],
          [[...state.agedByN.entries()], state.counted.get(), [...state.items.values()]],
        ],
        onExpire: ({ state, value: of }) => [['expired', state, of]],
      })
      .map((of) => JSON.stringify(of)) // undefined becomes null
      .to(to('processed'));
    keyed.aggregate({ n: count(), total: sum((r) => check('running', r).n) }).to(to('running'));
    input.map((r) => (placeOf(r) === 'sink' ? Number.NaN : r.n)).to(to('numbers'));
    input.map((r) => check('end', r)).to(to('end'));
  };
  return job('poison', build, { onError });
}

const scripts: fc.Arbitrary<ScriptStep[]> = fc.array(
  fc.record({
    records: fc.array(
      fc.record({
        partition: fc.nat({ max: 1 }),
        timestamp: fc.nat(50),
        key: fc.constantFrom('a', 'b'),
        value: fc.record({
          key: fc.constantFrom('a', 'b'),
          at: fc.nat(60),
          n: fc.oneof(
            { weight: 3, arbitrary: fc.nat(9) },
            {
              weight: 1,
              arbitrary: fc.integer({ min: poisonFrom, max: poisonFrom + places.length - 1 }),
            },
          ),
        }),
      }),
      { minLength: 1, maxLength: 14 },
    ),
  }),
  { minLength: 1, maxLength: 3 },
);

const isPoison = (of: unknown) => placeOf(of as Reading) !== undefined; // what the scripts hold
const deadLetters: OnError = { deadLetters: 'dead' };

/** What is left besides dead letters. */
function results(outputs: Outputs): Outputs {
  return Object.fromEntries(Object.entries(outputs).filter(([name]) => !name.startsWith('dead/')));
}

/** The dead letters of a script, partition by partition. */
function poisonOf(script: readonly ScriptStep[]): unknown[] {
  const records = script.flatMap((step) => ('records' in step ? step.records : []));
  const poison = records.filter((r) => isPoison(r.value));
  return [0, 1].flatMap((of) => poison.filter((r) => r.partition === of).map((r) => r.value));
}

function lettersIn(outputs: Outputs): unknown[] {
  return valuesOf(outputs, 'dead').map((of) =>
    JSON.parse(Buffer.from(of as Uint8Array).toString()),
  );
}

async function plainRun(of: Job, script: readonly ScriptStep[]): Promise<ScriptRun> {
  const run = new ScriptRun(of);
  await run.makeTopics(2);
  await run.start();
  for (const step of script) await run.step(step);
  await run.finish(true);
  return run;
}

function changelogOf({ broker }: ScriptRun): unknown {
  const changelog = topic('__poison-0-changelog', { key: bytes(), value: bytes() });
  return readAll(broker, changelog, 0).map(({ key, value: of, timestamp }) => [key, of, timestamp]);
}

async function leavesNothing(script: readonly ScriptStep[]): Promise<void> {
  const reference = await plainRun(jobOf({ onError: 'skip', isReference: true }), script);
  const skipping = await plainRun(jobOf({ onError: 'skip', isReference: false }), script);
  expect(skipping.outputs()).toEqual(reference.outputs());
  expect(changelogOf(skipping)).toEqual(changelogOf(reference));
  const { lateRecords, recordsWritten, recordsRead } = reference.handle.metrics();
  const skippedRecords = poisonOf(script).length;
  const metrics = { lateRecords, recordsWritten, recordsRead, skippedRecords, deadLetters: 0 };
  expect(skipping.handle.metrics()).toMatchObject(metrics);
}

function holds(numRuns: number, endOnFailure = false): Promise<void> {
  return fc.assert(fc.asyncProperty(scripts, leavesNothing), { numRuns, endOnFailure });
}

test('a record that is skipped leaves nothing, in state and changelog neither', async () => {
  await holds(scriptsTried(40));
});

test('a run with poison equals one that filters it out, plus the dead letters', async () => {
  const property = fc.asyncProperty(scripts, someModes, async (script, modes) => {
    const options = { partitions: 2, modes };
    const reference = await plainRun(jobOf({ onError: 'fail', isReference: true }), script);
    const job = jobOf({ onError: deadLetters, isReference: false });
    const outputs = await sameInEveryMode(job, script, options);
    expect(results(outputs)).toEqual(reference.outputs());
    expect(lettersIn(outputs)).toEqual(poisonOf(script));
  });
  await fc.assert(property, { numRuns: scriptsTried(12), endOnFailure: true });
});

test('a run with what is undecodable equals one without, plus the dead letters', async () => {
  const property = fc.asyncProperty(scripts, someModes, async (script, modes) => {
    const options = { partitions: 2, modes };
    const without = script.flatMap((step) => {
      const records = 'records' in step ? step.records.filter((r) => !isPoison(r.value)) : [];
      return records.length === 0 ? [] : [{ records }];
    });
    const reference = await plainRun(jobOf({ onError: 'fail', isReference: false }), without);
    const job = jobOf({ onError: deadLetters, isReference: false, isUndecodable: true });
    const outputs = await sameInEveryMode(job, script, options);
    expect(results(outputs)).toEqual(reference.outputs());
    expect(lettersIn(outputs)).toEqual(poisonOf(script));
  });
  await fc.assert(property, { numRuns: scriptsTried(12), endOnFailure: true });
});

/** What is not undone any more: a method of `of`, and what stands there instead. */
interface Mutation {
  readonly name: string;
  readonly of: object;
  readonly property: string;
  readonly instead: PropertyDescriptor;
}

const mutations: readonly Mutation[] = [
  {
    name: 'state and timers',
    of: UndoJournal.prototype,
    property: 'undo',
    instead: { value: UndoJournal.prototype.keep },
  },
  {
    name: 'outputs and late records',
    of: TopicOutput.prototype,
    property: 'undo',
    instead: { value: TopicOutput.prototype.keep },
  },
  {
    name: 'accumulators',
    of: Entries.prototype,
    property: 'expectChangesInPlace',
    instead: { value: () => {} },
  },
];

test.each(mutations)('it is noticed when $name are not undone', async (mutation) => {
  const { of, property, instead } = mutation;
  const before = Object.getOwnPropertyDescriptor(of, property) as PropertyDescriptor; // there
  Object.defineProperty(of, property, { configurable: true, ...instead });
  try {
    await expect(holds(200, true)).rejects.toThrow('Property failed');
  } finally {
    Object.defineProperty(of, property, before);
  }
});
