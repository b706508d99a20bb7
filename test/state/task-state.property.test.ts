/**
 * Property: whatever was put, deleted, committed, folded and crashed, and in whatever order, the
 * stores hold what a plain Map holds; a crash leaves what was committed last. A fold may end after
 * any slice, its zombie may go on later, and the log may forget what is folded.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StateFile } from '../../src/state/index.ts';
import { stateKeyOf } from '../../src/state/key.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { Changelog, openStateFile, openStores, type Stores } from './changelog.ts';

const keys = ['', 'a', 'b', 'ü', 'a\0b', '\0'].map((text, i) =>
  stateKeyOf([0, 1, 1, 127, 5, 1][i] ?? 0, Buffer.from(text)),
);
const times = [Number.NaN, -8.64e15, -1, 0, 7, 8.64e15]; // NaN: the keyed store

type Step =
  | { readonly kind: 'put'; readonly time: number; readonly key: string; readonly value: unknown }
  | { readonly kind: 'delete'; readonly time: number; readonly key: string }
  | { readonly kind: 'fire' | 'commit' | 'crash' | 'zombie' }
  | { readonly kind: 'fold'; readonly slices: number; readonly sliceBytes: number };

const entry = { time: fc.constantFrom(...times), key: fc.constantFrom(...keys) };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put'),
      ...entry,
      value: fc.jsonValue({ maxDepth: 1 }).map((value) => JSON.parse(JSON.stringify(value))),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete'), ...entry }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fire') }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('crash', 'zombie') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('fold'),
      slices: fc.integer({ min: 0, max: 6 }),
      sliceBytes: fc.constantFrom(1, 30, 1e9),
    }),
  },
);

/** Entries by time and key. */
type Model = Map<string, unknown>;
const nameOf = (time: number, key: string) => JSON.stringify([time, key]);

/** A task's stores, and what they should hold: now, and as of the last commit. */
class Tried {
  readonly #path: string;
  readonly #changelog = new Changelog();
  #file: StateFile;
  #incarnation = 0;
  #stores: Stores;
  #zombies: Generator<void, void, void>[] = [];
  #abandoned: StateFile[] = [];
  #model: Model = new Map();
  #committed: Model = new Map();

  constructor(path: string) {
    this.#path = path;
    this.#file = this.#claim();
    this.#stores = openStores(this.#changelog, this.#file);
  }

  take(step: Step): void {
    switch (step.kind) {
      case 'put':
        this.#model.set(nameOf(step.time, step.key), step.value);
        if (Number.isNaN(step.time)) this.#stores.keyed.put(step.key, step.value);
        else this.#stores.timed.put(step.time, step.key, step.value);
        break;
      case 'delete':
        this.#model.delete(nameOf(step.time, step.key));
        if (Number.isNaN(step.time)) this.#stores.keyed.delete(step.key);
        else this.#stores.timed.delete(step.time, step.key);
        break;
      case 'fire':
        this.#fire();
        break;
      case 'commit':
        this.#changelog.append(this.#stores.state);
        this.#committed = new Map(this.#model);
        break;
      case 'crash':
        this.#crash();
        break;
      case 'zombie':
        for (const zombie of this.#zombies) expect(() => zombie.next()).toThrow('incarnation');
        this.#zombies = [];
        break;
      case 'fold':
        this.#fold(step.slices, step.sliceBytes);
        break;
    }
  }

  check(): void {
    const { keyed, timed } = this.#stores;
    const timesInUse = times.filter((time) =>
      keys.some((key) => this.#model.has(nameOf(time, key)) && !Number.isNaN(time)),
    );
    for (const time of times) {
      for (const key of keys) {
        const value = Number.isNaN(time) ? keyed.get(key) : timed.get(time, key);
        expect(value).toEqual(this.#model.get(nameOf(time, key)));
      }
    }
    expect(keyed.size + timed.size).toBe(this.#model.size);
    expect(timed.firstTime()).toBe(Math.min(...timesInUse));
    expect(timed.lastTime()).toBe(Math.max(...timesInUse));
  }

  /** What the stores hold after a crash is what was committed. */
  close(): void {
    this.#crash();
    this.check();
    while (this.#stores.timed.size > 0) this.#fire();
    for (const file of [this.#file, ...this.#abandoned]) file.close();
  }

  #fire(): void {
    const { timed } = this.#stores;
    const first = timed.first();
    const [time, key] = this.#firstInModel() ?? [];
    expect([first?.time, first?.key]).toEqual([time, key]);
    if (first === undefined) return;
    timed.delete(first.time, first.key);
    this.#model.delete(nameOf(first.time, first.key));
  }

  #firstInModel(): [number, string] | undefined {
    for (const time of times) {
      for (const key of keys.toSorted()) {
        if (!Number.isNaN(time) && this.#model.has(nameOf(time, key))) return [time, key];
      }
    }
    return undefined;
  }

  #crash(): void {
    this.#abandoned.push(this.#file);
    this.#file = this.#claim();
    this.#stores = openStores(this.#changelog, this.#file);
    this.#model = new Map(this.#committed);
  }

  #fold(slices: number, sliceBytes: number): void {
    const fold = this.#changelog.fold(this.#file, this.#incarnation, sliceBytes);
    for (let slice = 0; slice < slices; slice++) {
      if (fold.next().done !== true) continue;
      this.#changelog.start = this.#file.foldedOffset;
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

test('stores hold what a Map holds, through commits, folds and crashes', () => {
  const directory = temporaryDirectory();
  let run = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const tried = new Tried(`${directory}/${run++}.db`);
      for (const of of steps) {
        tried.take(of);
        tried.check();
      }
      tried.close();
    }),
    { numRuns: 60 },
  );
});
