/**
 * A model: whatever was put, deleted, cleared, committed, folded, evicted and crashed, and in
 * whatever order, the stores hold what a plain Map holds; a crash leaves what was committed last. A
 * fold may end after any slice, its zombie may go on later, the log may forget what is folded, and
 * memory may be short. A record makes several changes together; where it is undone it leaves nothing,
 * in memory or in the changelog. An older copy of the file, put in its place, is refused, or the log has all
 * that it lacks; a log that is older than the file is refused. MILLRACE_STATE_RUNS says how many
 * runs (default 250).
 *
 * The rules taken out one at a time, below, show that the model would notice.
 */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { Entries } from '../../src/state/entries.ts';
import { StateFile } from '../../src/state/index.ts';
import { Residency } from '../../src/state/residency.ts';
import { MemoryTimedStore } from '../../src/state/timed-store.ts';
import { UndoJournal } from '../../src/state/undo-journal.ts';
import { suiteDirectory } from '../support/temporary-directory.ts';
import { Changelog, type Memory } from './changelog.ts';
import {
  items,
  keys,
  type Place,
  type SimpleKind,
  type Step,
  Tried,
  times,
  type Use,
} from './task-state-model.ts';

const key = fc.constantFrom(...keys);
const place: fc.Arbitrary<Place> = fc.oneof(
  fc.record({ of: fc.constantFrom('keyed' as const, 'list' as const), key }),
  fc.record({ of: fc.constant('timed' as const), key, time: fc.constantFrom(...times) }),
  fc.record({ of: fc.constant('map' as const), key, item: fc.constantFrom(...items) }),
);
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 1 }).map((of) => JSON.parse(JSON.stringify(of)) as unknown),
  fc.array(fc.nat(9), { maxLength: 2 }),
);
const simple = <Kind extends SimpleKind | 'fire' | 'ends'>(...kinds: Kind[]) =>
  fc.record({ kind: fc.constantFrom(...kinds) });
const use: fc.Arbitrary<Use> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('put' as const), at: place, value }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constantFrom('delete' as const, 'get', 'change'), at: place }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('clear' as const),
      of: fc.constantFrom('list' as const, 'map'),
      key,
    }),
  },
  { weight: 3, arbitrary: simple('fire', 'ends') },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 14, arbitrary: use },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      uses: fc.array(use, { minLength: 1, maxLength: 8 }),
      isUndone: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      fate: fc.constantFrom('kept' as const, 'kept', 'kept', 'folding', 'folding, lost'),
    }),
  },
  { weight: 2, arbitrary: simple('crash', 'zombie', 'look') },
  { weight: 1, arbitrary: simple('copy', 'old log') },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('old file' as const), which: fc.nat({ max: 9 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('fold' as const),
      slices: fc.integer({ min: 0, max: 9 }),
      sliceBytes: fc.constantFrom(1, 30, 1e9),
    }),
  },
);
/** From nothing, so that all that may go goes at each commit, to plenty. */
const memory: fc.Arbitrary<Memory> = fc.record({
  memoryBytesMax: fc.constantFrom(0, 500, Number.POSITIVE_INFINITY),
  rowsAtOnce: fc.constantFrom(1, 2, 3, 4, 256),
});

const directory = suiteDirectory();
let files = 0;

const keyed = (at: number) => ({ of: 'keyed' as const, key: keys[at] ?? '' });
const put = (at: number): Step => ({ kind: 'put', at: keyed(at), value: at });
const commit: Step = { kind: 'commit', fate: 'kept' };
const fold: Step = { kind: 'fold', slices: 99, sliceBytes: 1e9 };
const deleteIt: Step = { kind: 'delete', at: keyed(1) };
const getIt: Step = { kind: 'get', at: keyed(1) };

const timed = (at: number) => ({ of: 'timed' as const, key: keys[5] ?? '', time: times[at] ?? 0 });

/** What chance seldom finds: a row that is deleted, and asked for before that is folded. */
const examples: [Step[], Memory][] = [
  [
    [
      { kind: 'put', at: timed(0), value: 1 },
      commit,
      fold,
      { kind: 'crash' },
      { kind: 'put', at: timed(4), value: 2 },
      commit,
      { kind: 'delete', at: timed(4) },
      { kind: 'commit', fate: 'folding' },
      { kind: 'fire' },
    ],
    { memoryBytesMax: Number.POSITIVE_INFINITY, rowsAtOnce: 2 },
  ],
  [[put(1), put(2), commit, fold, deleteIt, commit, getIt], { memoryBytesMax: 0, rowsAtOnce: 2 }],
  [
    [put(1), put(2), commit, fold, deleteIt, put(3), put(4), put(5), commit, getIt],
    { memoryBytesMax: 400, rowsAtOnce: 2 },
  ],
  [[put(1), commit, fold, { kind: 'crash' }, getIt], { memoryBytesMax: 0, rowsAtOnce: 3 }],
];

function holdsWhatAMapHolds(numRuns: number, endOnFailure = false): void {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), memory, (steps, of) => {
      const tried = new Tried(`${directory}/${files++}.db`, of);
      try {
        for (const each of steps) tried.take(each);
        tried.close();
      } finally {
        tried.release();
      }
    }),
    { numRuns, examples, endOnFailure },
  );
}

const runs = Number(process.env.MILLRACE_STATE_RUNS ?? 250);

test(`stores hold what a Map holds, in ${runs} runs`, () => {
  holdsWhatAMapHolds(runs);
});

/** A rule that is taken out: a method or getter of `of`, and what stands there instead. */
interface Mutation {
  readonly name: string;
  readonly of: object;
  readonly property: string;
  readonly instead: PropertyDescriptor;
}

const mutations: readonly Mutation[] = [
  {
    name: 'entries are evicted before their change is folded',
    of: Residency.prototype,
    property: 'isFolded',
    instead: { value: () => true },
  },
  {
    name: 'what is folded is more than what was committed',
    of: Changelog.prototype,
    property: 'foldable',
    instead: {
      get(this: Changelog) {
        return this.withUnderWay;
      },
    },
  },
  {
    name: 'a zombie folds on, for nobody looks at its incarnation',
    of: StateFile.prototype,
    property: 'requireNotFenced',
    instead: { value: () => {} },
  },
  {
    name: 'a deletion leaves no mark where memory is short',
    of: Residency.prototype,
    property: 'keepsMarks',
    instead: { get: () => false },
  },
  {
    name: 'eviction begins before unmarked deletions are folded',
    of: Residency.prototype,
    property: 'mayEvict',
    instead: { get: () => true },
  },
  {
    name: 'nobody asks whether the log has what an older file lacks',
    of: Changelog.prototype,
    property: 'statedStart',
    instead: { get: () => 0 },
  },
  {
    name: 'nobody asks how far a fold may have come that did not end',
    of: StateFile.prototype,
    property: 'foldingThrough',
    instead: {
      get(this: StateFile) {
        return this.foldedOffset;
      },
    },
  },
  {
    name: 'a record that failed is not undone',
    of: UndoJournal.prototype,
    property: 'undo',
    instead: { value: UndoJournal.prototype.keep },
  },
  {
    name: 'what was changed in place is not copied',
    of: Entries.prototype,
    property: 'expectChangesInPlace',
    instead: { value: () => {} },
  },
  {
    name: 'an entry that is deleted is forgotten before the record is kept',
    of: Entries.prototype,
    property: 'forget',
    instead: Object.getOwnPropertyDescriptor(Entries.prototype, 'discard') as PropertyDescriptor,
  },
  {
    name: 'times are not counted back',
    of: MemoryTimedStore.prototype,
    property: 'tookBack',
    instead: { value: () => {} },
  },
  {
    name: 'a fold counts as done before it is',
    of: StateFile.prototype,
    property: 'foldedOffset',
    instead: {
      get(this: StateFile) {
        return this.foldingThrough;
      },
    },
  },
];

test.each(mutations)('it is noticed when $name', ({ of, property, instead }) => {
  const before = Object.getOwnPropertyDescriptor(of, property) as PropertyDescriptor; // there
  Object.defineProperty(of, property, { configurable: true, ...instead });
  try {
    expect(() => holdsWhatAMapHolds(1000, true)).toThrow('Property failed');
  } finally {
    Object.defineProperty(of, property, before);
  }
});

afterAll(() => expect(files).toBeGreaterThan(runs));
