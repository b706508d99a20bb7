/**
 * The entries of a task's stores that are in memory, as columns: what is known of an entry stands
 * in arrays of numbers, its key and its encoded value in slabs. So millions of entries are a few
 * thousand objects to the garbage collector, and no collection stops the task for long.
 *
 * A value that is used is decoded once and kept as an object beside its bytes; of those only the
 * newest are kept. One that was changed has no bytes until the next checkpoint encodes it.
 */
import { EntryKeys, pageBits, pageSize } from './entry-keys.ts';
import { type SlabPlace, Slabs, startOf } from './slabs.ts';
import type { StateKey } from './stores.ts';

/** Names an entry while it is in the table; used again afterwards. */
export type EntryId = number;

const live = 1;
const changed = 2;
const used = 4;
const gone = 8;
const present = 16;
const removal = 32;
/** It stands among those with an object, or did when it had one. */
const listed = 64;

/** An entry as it was before a change. */
export interface EntryBefore {
  readonly isLive: boolean;
  readonly isChanged: boolean;
  /** Of an entry that was changed; the others have their bytes. */
  readonly object: unknown;
  /** It was just made. */
  readonly isNew: boolean;
}

class Page {
  readonly flags = new Uint8Array(pageSize);
  readonly stores = new Uint16Array(pageSize);
  readonly times = new Float64Array(pageSize);
  readonly checkpoints = new Float64Array(pageSize);
  readonly places = new Uint32Array(pageSize);
  readonly lengths = new Uint32Array(pageSize);
  readonly values: unknown[] = new Array(pageSize).fill(undefined);
}

/** The columns of an entry, its key, and its place in a map of keys: measured by bench/spill. */
const entryBytes = 72;

/** What an object takes for each byte of its encoded form, about, and at least. */
const objectFactor = 3;
const objectBytes = 64;

/** Objects that are kept: more would be moved about by the garbage collector. */
const objectsMax = 8_192;

/** What they may take, in bytes. */
const objectBytesMax = 64 * 1024 * 1024;

export class EntryTable {
  /** Their keys and items. */
  readonly keys: EntryKeys = new EntryKeys();
  readonly #slabs = new Slabs();
  readonly #pages: Page[] = [];
  readonly #unused: EntryId[] = [];
  #end = 0;
  #size = 0;
  #extraBytes = 0;
  /** Entries with an object, the oldest first, and some that have none any more. */
  #objects: EntryId[] = [];
  /** Encoded length of what they stand for. */
  #objectLengths = 0;
  #hand = 0;
  readonly #objectBytesMax: number;

  /** `bytesMax`: what the entries may take, in bytes. */
  constructor(bytesMax: number) {
    this.#objectBytesMax = Math.min(objectBytesMax, bytesMax / 8);
  }

  /** About what everything takes, in bytes. */
  get bytes(): number {
    const slabs = this.keys.bytes + this.#slabs.bytes;
    return this.#size * entryBytes + slabs + this.#objectBytes + this.#extraBytes;
  }

  get #objectBytes(): number {
    return this.#objects.length * objectBytes + this.#objectLengths * objectFactor;
  }

  /** What stores keep about their entries, in bytes. */
  account(bytes: number): void {
    this.#extraBytes += bytes;
  }

  add(store: number, time: number, key: StateKey, item: string): EntryId {
    const id = this.#unused.pop() ?? this.#end++;
    if (id >>> pageBits === this.#pages.length) this.#pages.push(new Page());
    const [page, at] = [this.#page(id), id & (pageSize - 1)];
    page.flags[at] = (this.#flags(id) & listed) | present | used;
    page.stores[at] = store;
    page.times[at] = time;
    page.checkpoints[at] = 0;
    this.keys.add(id, key, item);
    this.#size++;
    return id;
  }

  /** The entry is in no map of its store any more; a change of it is still to be written. */
  remove(id: EntryId): void {
    if (this.#has(id, changed)) this.#set(id, gone);
    else this.#release(id);
  }

  store(id: EntryId): number {
    return this.#page(id).stores[id & (pageSize - 1)] as number;
  }

  time(id: EntryId): number {
    return this.#page(id).times[id & (pageSize - 1)] as number;
  }

  /** Whether it has a value; else it stands for a deletion. */
  isLive(id: EntryId): boolean {
    return this.#has(id, live);
  }

  isChanged(id: EntryId): boolean {
    return this.#has(id, changed);
  }

  /** Whether it stands in a map of its store. */
  isPresent(id: EntryId): boolean {
    return (this.#flags(id) & (present | gone)) === present;
  }

  isGone(id: EntryId): boolean {
    return this.#has(id, gone);
  }

  isRemoval(id: EntryId): boolean {
    return this.#has(id, removal);
  }

  /** It stands for the removal of all elements of its key. */
  markRemoval(id: EntryId): void {
    this.#set(id, removal);
  }

  /** The checkpoint that wrote it last; 0: it is as the tables have it. */
  checkpoint(id: EntryId): number {
    return this.#page(id).checkpoints[id & (pageSize - 1)] as number;
  }

  /** The object, if it is there; undefined where there are only bytes, or no value. */
  object(id: EntryId): unknown {
    this.#set(id, used);
    return this.#page(id).values[id & (pageSize - 1)];
  }

  /** Decodes the value of a live entry, and keeps the object. */
  decode<Value>(id: EntryId, decode: (bytes: Uint8Array, at: number, end: number) => Value): Value {
    const place = this.#place(id);
    const start = startOf(place);
    const value = decode(this.#slabs.bytesOf(place), start, start + this.#length(id));
    this.#keepObject(id, value);
    return value;
  }

  /** A new value (undefined: a deletion); true where it is the first change of this epoch. */
  change(id: EntryId, value: unknown): boolean {
    if (value === undefined) {
      this.#clear(id, live);
      this.#dropObject(id);
    } else {
      this.#keepObject(id, value);
      this.#set(id, live);
    }
    const isFirst = !this.#has(id, changed);
    this.#set(id, changed | used);
    return isFirst;
  }

  /** What `revert` needs. */
  before(id: EntryId): EntryBefore {
    const [isLive, isChanged] = [this.#has(id, live), this.#has(id, changed)];
    const object = isChanged ? this.#page(id).values[id & (pageSize - 1)] : undefined;
    return { isLive, isChanged, object, isNew: !isLive && !isChanged && this.checkpoint(id) === 0 };
  }

  /** Takes back what was changed since `before`, also in the object itself. */
  revert(id: EntryId, { isLive, isChanged, object }: EntryBefore): void {
    if (isLive) this.#set(id, live);
    else this.#clear(id, live);
    if (isChanged) this.#set(id, changed);
    else this.#clear(id, changed);
    if (object === undefined) this.#dropObject(id);
    else this.#keepObject(id, object);
  }

  /** What was changed is written by `checkpoint`: as these bytes, or as a deletion. */
  written(id: EntryId, checkpoint: number, bytes: Uint8Array | undefined): void {
    this.#clear(id, changed);
    if (this.#has(id, gone)) {
      this.#release(id);
      return;
    }
    this.#page(id).checkpoints[id & (pageSize - 1)] = checkpoint;
    if (bytes === undefined) this.#dropBytes(id);
    else this.#keepBytes(id, bytes);
  }

  /** A value as the tables or the changelog have it; undefined: a deletion. */
  load(id: EntryId, checkpoint: number, bytes: Uint8Array | undefined): void {
    this.#page(id).checkpoints[id & (pageSize - 1)] = checkpoint;
    this.#dropObject(id);
    if (bytes === undefined) {
      this.#clear(id, live);
      this.#dropBytes(id);
    } else {
      this.#set(id, live);
      this.#keepBytes(id, bytes);
    }
  }

  /** Looks at the next entry, round and round: the entry, if it was not used since last time. */
  turnHand(): EntryId | undefined {
    this.#hand = this.#hand + 1 < this.#end ? this.#hand + 1 : 0;
    const id = this.#hand;
    if (id >= this.#end || !this.isPresent(id)) return undefined;
    if (!this.#has(id, used)) return id;
    this.#clear(id, used);
    return undefined;
  }

  /** Between two epochs: nothing is changed. Gives up old objects and dead bytes. */
  tidy(): void {
    const isOver = this.#objects.length > objectsMax || this.#objectBytes > this.#objectBytesMax;
    if (isOver) this.#dropOldObjects();
    for (let portions = 0; portions < 4 && this.#slabs.isSparse; portions++) {
      this.#slabs.compact(
        (id, place) => this.#has(id, present) && this.#place(id) === place,
        (id, place) => this.#setPlace(id, place),
      );
    }
    this.keys.tidy();
  }

  /** Down to three quarters, so that this is seldom to be done. */
  #dropOldObjects(): void {
    const all = this.#objects;
    const bytesMax = this.#objectBytesMax * 0.75;
    this.#objects = [];
    for (const [i, id] of all.entries()) {
      const left = this.#objects.length + all.length - i;
      const bytes = left * objectBytes + this.#objectLengths * objectFactor;
      const isOver = left > objectsMax * 0.75 || bytes > bytesMax;
      if (isOver && !this.#has(id, changed)) this.#dropObject(id);
      if (this.#page(id).values[id & (pageSize - 1)] === undefined) this.#clear(id, listed);
      else this.#objects.push(id);
    }
  }

  #keepObject(id: EntryId, value: unknown): void {
    const { values } = this.#page(id);
    const at = id & (pageSize - 1);
    if (values[at] === undefined) this.#objectLengths += this.#length(id);
    values[at] = value;
    if (this.#has(id, listed)) return;
    this.#set(id, listed);
    this.#objects.push(id);
  }

  #dropObject(id: EntryId): void {
    const { values } = this.#page(id);
    const at = id & (pageSize - 1);
    if (values[at] === undefined) return;
    values[at] = undefined;
    this.#objectLengths -= this.#length(id);
  }

  #keepBytes(id: EntryId, bytes: Uint8Array): void {
    if (this.#page(id).values[id & (pageSize - 1)] !== undefined) {
      this.#objectLengths += bytes.length - this.#length(id);
    }
    this.#setPlace(id, this.#slabs.write(id, this.#place(id), bytes));
    this.#page(id).lengths[id & (pageSize - 1)] = bytes.length;
  }

  #dropBytes(id: EntryId): void {
    if (this.#place(id) === 0) return;
    this.#slabs.free(this.#place(id));
    this.#setPlace(id, 0);
    this.#page(id).lengths[id & (pageSize - 1)] = 0;
  }

  #release(id: EntryId): void {
    this.#dropObject(id);
    this.#dropBytes(id);
    const [page, at] = [this.#page(id), id & (pageSize - 1)];
    this.#size--;
    page.flags[at] = this.#flags(id) & listed;
    this.keys.remove(id);
    this.#unused.push(id);
  }

  #page(id: EntryId): Page {
    return this.#pages[id >>> pageBits] as Page; // who has an id has a page
  }

  #flags(id: EntryId): number {
    return this.#page(id).flags[id & (pageSize - 1)] as number;
  }

  #has(id: EntryId, flag: number): boolean {
    return (this.#flags(id) & flag) !== 0;
  }

  #set(id: EntryId, flag: number): void {
    this.#page(id).flags[id & (pageSize - 1)] = this.#flags(id) | flag;
  }

  #clear(id: EntryId, flag: number): void {
    this.#page(id).flags[id & (pageSize - 1)] = this.#flags(id) & ~flag;
  }

  #place(id: EntryId): SlabPlace {
    return this.#page(id).places[id & (pageSize - 1)] as SlabPlace;
  }

  #setPlace(id: EntryId, place: SlabPlace): void {
    this.#page(id).places[id & (pageSize - 1)] = place;
  }

  #length(id: EntryId): number {
    return this.#page(id).lengths[id & (pageSize - 1)] as number;
  }
}
