/**
 * A task's stores with a changelog and a state file, and beside them what they should hold: now, and
 * as of the last commit.
 */
import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { ElementPlace, StateFile } from '../../src/state/index.ts';
import { stateKeyOf } from '../../src/state/key.ts';
import { Changelog, type Memory, openStateFile, openStores, type Stores } from './changelog.ts';

export const keys = ['', 'a', 'b', 'ü', 'a\0b', '\0'].map((text, i) =>
  stateKeyOf([0, 1, 1, 127, 5, 1][i] ?? 0, Buffer.from(text)),
);
export const times = [-8.64e15, -1, 0, 7, 8.64e15];
export const items = ['', 'x', 'y', 'é', 'xx'];

/** What a record does to the stores. */
export type Use =
  | { readonly kind: 'put'; readonly at: Place; readonly value: unknown }
  | { readonly kind: 'delete' | 'get' | 'change'; readonly at: Place }
  | { readonly kind: 'clear'; readonly of: 'list' | 'map'; readonly key: string }
  | { readonly kind: 'fire' | 'ends' };

/** What is done in a run. */
export type Step =
  | Use
  /** Together they can be undone. */
  | { readonly kind: 'record'; readonly uses: readonly Use[]; readonly isUndone: boolean }
  | { readonly kind: 'commit'; readonly fate: 'kept' | 'folding' | 'folding, lost' }
  | { readonly kind: SimpleKind }
  | { readonly kind: 'old file'; readonly which: number }
  | { readonly kind: 'fold'; readonly slices: number; readonly sliceBytes: number };

export type SimpleKind = 'crash' | 'zombie' | 'look' | 'copy' | 'old log';

export type Place =
  | { readonly of: 'keyed' | 'list'; readonly key: string }
  | { readonly of: 'timed'; readonly key: string; readonly time: number }
  | { readonly of: 'map'; readonly key: string; readonly item: string };

/** A state file as it was once. */
interface Copy {
  readonly bytes: Uint8Array;
  readonly foldedOffset: number;
}

/** Entries by place; the elements of a list as an array. */
type Model = Map<string, unknown>;
const nameOf = (at: Place) => {
  const more = at.of === 'timed' ? at.time : at.of === 'map' ? at.item : '';
  return JSON.stringify([at.of, at.key, more]);
};
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

function all<Of>(iterator: Iterator<Of>): Of[] {
  const found: Of[] = [];
  for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
    found.push(next.value);
  }
  return found;
}

export class Tried {
  #path: string;
  readonly #memory: Memory;
  readonly #changelog = new Changelog();
  #file: StateFile;
  #incarnation = 0;
  #stores: Stores;
  #zombies: ReturnType<Changelog['fold']>[] = [];
  #abandoned: StateFile[] = [];
  #copies: Copy[] = [];
  #model: Model = new Map();
  #committed: Model = new Map();
  #inRecord = false;
  /** An object was changed and not put back. */
  #isHalfDone = false;

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
      case 'copy': {
        const { database, foldedOffset } = this.#file;
        this.#copies.push({ bytes: database.serialize(), foldedOffset });
        break;
      }
      case 'old file':
        this.#putBack(this.#copies[of.which % this.#copies.length]);
        break;
      case 'old log':
        this.#shortenLog();
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

  /** An undone record leaves nothing: in the stores, or to be committed. */
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
      for (const after of ['x', 'xw']) {
        const behind = there.filter(([item]) => byBytes(item as string, after) > 0);
        expect([...this.#stores.map.entries(of, after)]).toEqual(behind);
      }
    }
    this.#eachOf(keys[1] ?? '');
    this.#ends();
    this.#walk();
  }

  /** Elements in no order; each is put back where it was. */
  #eachOf(key: string): void {
    const { map } = this.#stores;
    const found: (readonly [value: unknown, place: ElementPlace])[] = [];
    map.each(key, (value, place) => found.push([value, place]));
    const names = items.map((item) => nameOf({ of: 'map', key, item }));
    const expected = names.flatMap((name) =>
      this.#model.has(name) ? [this.#model.get(name)] : [],
    );
    const texts = (values: readonly unknown[]) => values.map((of) => JSON.stringify(of)).sort();
    expect(texts(found.map(([value]) => value))).toEqual(texts(expected));
    for (const [value, place] of found) map.putAt(place, value);
  }

  /** Each entry is met, some perhaps twice. */
  #walk(): void {
    const { keyed, list, map } = this.#stores;
    const met = [
      ...all(keyed.keys()).map((of) => nameOf({ of: 'keyed', key: of })),
      ...all(map.places()).map(([of, item]) => nameOf({ of: 'map', key: of, item })),
    ];
    const isOne = (name: string) => name.startsWith('["keyed"') || name.startsWith('["map"');
    expect(new Set(met)).toEqual(new Set([...this.#model.keys()].filter(isOne)));
    const places = new Set(all(list.places()).map(([of, place]) => `${place} of ${of}`));
    const lists = keys.map((of) => this.#model.get(nameOf({ of: 'list', key: of })) ?? []);
    expect(places.size).toBe(lists.flat().length);
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

  /** Somebody puts an older copy of the file in its place, while the task is stopped. */
  #putBack(copy: Copy | undefined): void {
    if (copy === undefined) return;
    const right = this.#path;
    this.#zombies = []; // they write to a file that is gone
    this.#path = `${right}-${this.#abandoned.length}`; // where no other file was
    writeFileSync(this.#path, copy.bytes);
    try {
      this.#crash();
    } catch (error) {
      expect(error).toMatchObject({ code: 'FILE_MISMATCH' });
      expect(copy.foldedOffset).toBeLessThan(this.#changelog.start);
      this.#path = right;
      this.#crash();
    }
  }

  /** What the file may hold must not lie beyond the log. */
  #shortenLog(): void {
    const { changes } = this.#changelog;
    const through = Number(this.#file.meta('folding_through') ?? 0);
    if (through === 0) return;
    const lost = changes.splice(through - 1);
    const open = () => openStores(this.#changelog, this.#file, this.#memory);
    expect(open).toThrow('newer than the log');
    changes.push(...lost);
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
