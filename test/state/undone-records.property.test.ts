/**
 * The model of task-state.property.test.ts with records that are undone: several changes together,
 * and then none of them. Such a record leaves nothing, in memory or in the changelog, whatever was
 * folded, evicted and crashed around it. MILLRACE_STATE_RUNS says how many runs (default 200).
 *
 * The rules taken out one at a time, below, show that the model would notice.
 */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { Entries } from '../../src/state/entries.ts';
import { StateFile } from '../../src/state/index.ts';
import { stateKeyOf } from '../../src/state/key.ts';
import { Residency } from '../../src/state/residency.ts';
import { MemoryTimedStore } from '../../src/state/timed-store.ts';
import { UndoJournal } from '../../src/state/undo-journal.ts';
import { suiteDirectory } from '../support/temporary-directory.ts';
import { Changelog, type Memory, openStateFile, openStores, type Stores } from './changelog.ts';

const keys = ['', 'a', 'b', 'ü', 'a\0b', '\0'].map((text, i) =>
  stateKeyOf([0, 1, 1, 127, 5, 1][i] ?? 0, Buffer.from(text)),
);
const times = [-8.64e15, -1, 0, 7, 8.64e15];
const items = ['', 'x', 'y', 'é', 'xx'];

type Use =
  | { readonly kind: 'put'; readonly at: Place; readonly value: unknown }
  | { readonly kind: 'delete' | 'get' | 'change'; readonly at: Place }
  | { readonly kind: 'clear'; readonly of: 'list' | 'map'; readonly key: string }
  | { readonly kind: 'fire' | 'ends' };

type Step =
  | Use
  /** Together they can be undone. */
  | { readonly kind: 'record'; readonly uses: readonly Use[]; readonly isUndone: boolean }
  | { readonly kind: 'commit'; readonly fate: 'kept' | 'folding' | 'folding, lost' }
  | { readonly kind: 'crash' | 'zombie' | 'look' }
  | { readonly kind: 'fold'; readonly slices: number; readonly sliceBytes: number };

type Place =
  | { readonly of: 'keyed' | 'list'; readonly key: string }
  | { readonly of: 'timed'; readonly key: string; readonly time: number }
  | { readonly of: 'map'; readonly key: string; readonly item: string };

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
const simple = <Kind extends string>(...kinds: Kind[]) =>
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

/** Entries by place; the elements of a list as an array. */
type Model = Map<string, unknown>;
const nameOf = (at: Place) => {
  const more = at.of === 'timed' ? at.time : at.of === 'map' ? at.item : '';
  return JSON.stringify([at.of, at.key, more]);
};
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** A task's stores, and what they should hold: now, and as of the last commit. */
class Tried {
  readonly #path: string;
  readonly #memory: Memory;
  readonly #changelog = new Changelog();
  #file: StateFile;
  #incarnation = 0;
  #stores: Stores;
  #zombies: Generator<unknown, void, void>[] = [];
  #abandoned: StateFile[] = [];
  #model: Model = new Map();
  #inRecord = false;
  /** An object was changed and not put back. */
  #isHalfDone = false;
  #committed: Model = new Map();

  constructor(path: string, memoryOf: Memory) {
    this.#path = path;
    this.#memory = memoryOf;
    this.#file = this.#claim();
    this.#stores = openStores(this.#changelog, this.#file, memoryOf);
  }

  take(of: Step): void {
    switch (of.kind) {
      case 'put':
        this.#put(of.at, of.value);
        break;
      case 'delete':
        this.#delete(of.at);
        break;
      case 'get':
        this.#get(of.at);
        break;
      case 'change':
        this.#changeInPlace(of.at);
        break;
      case 'record':
        this.#record(of.uses, of.isUndone);
        break;
      case 'clear':
        for (const item of of.of === 'map' ? items : []) {
          this.#model.delete(nameOf({ of: 'map', key: of.key, item }));
        }
        if (of.of === 'list') this.#model.delete(nameOf({ of: 'list', key: of.key }));
        this.#stores[of.of].clear(of.key);
        break;
      case 'fire':
        this.#fire();
        break;
      case 'commit':
        this.#commit(of.fate);
        break;
      case 'crash':
        this.#crash();
        break;
      case 'zombie':
        for (const zombie of this.#zombies) expect(() => zombie.next()).toThrow('incarnation');
        this.#zombies = [];
        break;
      case 'ends':
        this.#ends();
        break;
      case 'look':
        this.#look();
        break;
      case 'fold':
        this.#fold(of.slices, of.sliceBytes);
        break;
    }
  }

  /** What the stores hold after a crash is what was committed. */
  close(): void {
    this.#look();
    this.#crash();
    this.#look();
    while (this.#stores.timed.first() !== undefined) this.#fire();
    this.#ends();
  }

  release(): void {
    for (const file of [this.#file, ...this.#abandoned]) file.close();
  }

  #put(at: Place, to: unknown): void {
    const value = structuredClone(to); // who changes it in place changes nothing else
    const { keyed, timed, list, map } = this.#stores;
    if (at.of === 'keyed') keyed.put(at.key, value);
    else if (at.of === 'timed') timed.put(at.time, at.key, value);
    else if (at.of === 'map') map.put(at.key, at.item, value);
    else {
      list.add(at.key, value);
      const before = (this.#model.get(nameOf(at)) ?? []) as unknown[]; // a list
      this.#model.set(nameOf(at), [...before, to]);
      return;
    }
    this.#model.set(nameOf(at), to);
  }

  #delete(at: Place): void {
    const { keyed, timed, list, map } = this.#stores;
    if (at.of === 'keyed') keyed.delete(at.key);
    else if (at.of === 'timed') timed.delete(at.time, at.key);
    else if (at.of === 'map') map.delete(at.key, at.item);
    else list.clear(at.key);
    this.#model.delete(nameOf(at));
  }

  #get(at: Place): void {
    const { keyed, timed, list, map } = this.#stores;
    const expected = this.#model.get(nameOf(at));
    if (at.of === 'keyed') expect(keyed.get(at.key)).toEqual(expected);
    else if (at.of === 'timed') expect(timed.get(at.time, at.key)).toEqual(expected);
    else if (at.of === 'map') expect(map.get(at.key, at.item)).toEqual(expected);
    else expect([...list.values(at.key)]).toEqual(expected ?? []);
  }

  /** As an aggregate does: the object that is there is changed, and put where it was. */
  #changeInPlace(at: Place): void {
    const { keyed, timed } = this.#stores;
    if (at.of !== 'timed' && at.of !== 'keyed') return;
    const value = at.of === 'timed' ? timed.get(at.time, at.key) : keyed.get(at.key);
    if (!Array.isArray(value)) return;
    value.push(value.length);
    this.#model.set(nameOf(at), structuredClone(value));
    if (value.length % 2 === 0 || !this.#inRecord) {
      if (at.of === 'timed') timed.put(at.time, at.key, value);
      else keyed.put(at.key, value);
    } else {
      this.#isHalfDone = true; // it must be undone
    }
  }

  #record(uses: readonly Use[], isUndone: boolean): void {
    const { journal } = this.#stores.state;
    const before = structuredClone(this.#model);
    const { changes } = this.#stores.state;
    this.#isHalfDone = false;
    this.#inRecord = true;
    journal.begin();
    for (const each of uses) this.take(each);
    this.#inRecord = false;
    if (!isUndone && !this.#isHalfDone) {
      journal.keep();
      return;
    }
    journal.undo();
    this.#model = before;
    expect(this.#stores.state.changes).toBe(changes);
  }

  #look(): void {
    for (const of of keys) {
      this.#get({ of: 'keyed', key: of });
      this.#get({ of: 'list', key: of });
      for (const time of times) this.#get({ of: 'timed', key: of, time });
      const there = items.toSorted(byBytes).flatMap((item) => {
        const name = nameOf({ of: 'map', key: of, item });
        return this.#model.has(name) ? [[item, this.#model.get(name)]] : [];
      });
      expect([...this.#stores.map.entries(of)]).toEqual(there);
    }
    this.#ends();
  }

  #ends(): void {
    const { timed } = this.#stores;
    const inUse = times.filter((time) =>
      keys.some((of) => this.#model.has(nameOf({ of: 'timed', key: of, time }))),
    );
    expect(timed.lastTime()).toBe(Math.max(...inUse));
    expect(timed.firstTime()).toBe(Math.min(...inUse));
  }

  #fire(): void {
    const { timed } = this.#stores;
    const first = timed.first();
    const expected = this.#firstInModel();
    expect(first && { of: 'timed', key: first.key, time: first.time }).toEqual(expected);
    if (first === undefined || expected === undefined) return;
    expect(first.value).toEqual(this.#model.get(nameOf(expected)));
    timed.delete(first.time, first.key);
    this.#model.delete(nameOf(expected));
  }

  #firstInModel(): Place | undefined {
    for (const time of times) {
      for (const of of keys.toSorted()) {
        const at = { of: 'timed', key: of, time } as const;
        if (this.#model.has(nameOf(at))) return at;
      }
    }
    return undefined;
  }

  /** `folding`: everything is folded while the commit is under way; `lost`: it never was. */
  #commit(fate: 'kept' | 'folding' | 'folding, lost'): void {
    this.#changelog.take(this.#stores.state);
    if (fate !== 'kept') this.#fold(Number.POSITIVE_INFINITY, 30);
    if (fate === 'folding, lost') {
      this.#crash();
      return;
    }
    this.#changelog.commit(this.#stores.state);
    this.#committed = structuredClone(this.#model);
  }

  #crash(): void {
    this.#abandoned.push(this.#file);
    this.#file = this.#claim();
    this.#stores = openStores(this.#changelog, this.#file, this.#memory);
    this.#model = structuredClone(this.#committed);
  }

  #fold(slices: number, sliceBytes: number): void {
    const fold = this.#changelog.fold(this.#file, this.#incarnation, sliceBytes);
    for (let slice = 0; slice < slices; slice++) {
      if (fold.next().done !== true) continue;
      this.#changelog.start = this.#file.foldedOffset;
      this.#stores.state.foldedTo(this.#file.foldedOffset);
      return;
    }
    this.#crash(); // in the middle of the fold
    this.#zombies.push(fold);
  }

  #claim(): StateFile {
    const file = openStateFile(this.#path);
    file.claim(++this.#incarnation);
    return file;
  }
}

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

const runs = Number(process.env.MILLRACE_STATE_RUNS ?? 200);

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
