/**
 * The stores in memory: the whole content of each, and a list of what changed since the last
 * checkpoint.
 *
 * An entry is one object that the map and the list of changes share, so putting a value again and
 * again costs one lookup and no allocation. A deleted entry leaves the map and stays in the list; a
 * new one under the same key comes behind it.
 */
import type { Codec } from '../formats/index.ts';
import { isMillraceError, MillraceError } from '../platform/index.ts';
import { keyedKey, timedKey } from './change.ts';
import type { KeyedStore, StateKey, TimedEntry, TimedStore } from './stores.ts';
import { TimeRange } from './time-range.ts';

interface Entry<Value> {
  readonly key: StateKey;
  readonly time: number;
  /** Undefined once deleted. */
  value: Value | undefined;
  changed: boolean;
}

/** Takes the changes of a store as changelog records. */
export type ChangeWriter = (key: Uint8Array, value: Uint8Array | null) => void;

/** What a task does with its stores, whatever their kind. */
export interface MemoryStore {
  load(time: number, key: StateKey, value: Uint8Array | null): void;
  takeChanges(write: ChangeWriter): number;
  readonly size: number;
}

abstract class Changes<Value> {
  protected readonly store: number;
  protected readonly name: string;
  protected readonly codec: Codec<Value>;
  #changed: Entry<Value>[] = [];

  constructor(store: number, name: string, codec: Codec<Value>) {
    this.store = store;
    this.name = name;
    this.codec = codec;
  }

  /** In the order of first change; an entry once, with its last value. */
  takeChanges(write: ChangeWriter): number {
    const changed = this.#changed;
    for (const entry of changed) {
      entry.changed = false;
      write(this.recordKey(entry), entry.value === undefined ? null : this.#encode(entry.value));
    }
    this.#changed = [];
    return changed.length;
  }

  protected abstract recordKey(entry: Entry<Value>): Uint8Array;

  protected touch(entry: Entry<Value>): void {
    if (entry.changed) return;
    entry.changed = true;
    this.#changed.push(entry);
  }

  protected check(value: Value): void {
    if (this.codec.check === undefined) return;
    try {
      this.codec.check(value);
    } catch (error) {
      throw this.#named(error);
    }
  }

  #encode(value: Value): Uint8Array {
    try {
      return this.codec.encode(value);
    } catch (error) {
      throw this.#named(error);
    }
  }

  #named(error: unknown): unknown {
    if (!isMillraceError(error)) return error;
    return new MillraceError(
      error.code,
      `State "${this.name}" can't keep this value: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}

export class MemoryKeyedStore<Value>
  extends Changes<Value>
  implements KeyedStore<Value>, MemoryStore
{
  readonly #entries = new Map<StateKey, Entry<Value>>();

  get size(): number {
    return this.#entries.size;
  }

  get(key: StateKey): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  put(key: StateKey, value: Value): void {
    this.check(value);
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.value = value;
      this.touch(known);
      return;
    }
    const entry: Entry<Value> = { key, time: 0, value, changed: false };
    this.#entries.set(key, entry);
    this.touch(entry);
  }

  delete(key: StateKey): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    entry.value = undefined;
    this.touch(entry);
  }

  load(_time: number, key: StateKey, value: Uint8Array | null): void {
    if (value === null) {
      this.#entries.delete(key);
      return;
    }
    const decoded = this.codec.decode(value, 0, value.length);
    this.#entries.set(key, { key, time: 0, value: decoded, changed: false });
  }

  protected override recordKey(entry: Entry<Value>): Uint8Array {
    return keyedKey(this.store, entry.key);
  }
}

/** The entries of one time. */
interface Bucket<Value> {
  readonly time: number;
  readonly entries: Map<StateKey, Entry<Value>>;
  /**
   * While its entries are walked over: the keys that are left, the first one last. Keys that are
   * gone are skipped.
   */
  walk: StateKey[] | undefined;
}

export class MemoryTimedStore<Value>
  extends Changes<Value>
  implements TimedStore<Value>, MemoryStore
{
  readonly #buckets = new Map<number, Bucket<Value>>();
  readonly #range = new TimeRange(this.#buckets);
  #firstTime = Number.POSITIVE_INFINITY;
  #size = 0;
  /** The entry used last: a record's get and put are one lookup. */
  #recent: Entry<Value> | undefined;

  get size(): number {
    return this.#size;
  }

  get(time: number, key: StateKey): Value | undefined {
    return this.#find(time, key)?.value;
  }

  put(time: number, key: StateKey, value: Value): void {
    this.check(value);
    const known = this.#find(time, key);
    if (known !== undefined) {
      known.value = value;
      this.touch(known);
      return;
    }
    this.touch(this.#insert(time, key, value));
  }

  delete(time: number, key: StateKey): void {
    const entry = this.#find(time, key);
    if (entry === undefined) return;
    this.#remove(entry);
    entry.value = undefined;
    this.touch(entry);
  }

  firstTime(): number {
    return this.#firstTime;
  }

  first(): TimedEntry<Value> | undefined {
    const bucket = this.#buckets.get(this.#firstTime);
    if (bucket === undefined) return undefined;
    bucket.walk ??= [...bucket.entries.keys()].sort(descending);
    for (;;) {
      const key = bucket.walk.at(-1);
      const entry = key === undefined ? undefined : bucket.entries.get(key);
      if (entry?.value !== undefined) return entry as TimedEntry<Value>; // it has a value
      bucket.walk.pop();
    }
  }

  lastTime(): number {
    return this.#range.last();
  }

  load(time: number, key: StateKey, value: Uint8Array | null): void {
    const known = this.#find(time, key);
    if (known !== undefined) this.#remove(known);
    if (value !== null) this.#insert(time, key, this.codec.decode(value, 0, value.length));
  }

  protected override recordKey(entry: Entry<Value>): Uint8Array {
    return timedKey(this.store, entry.time, entry.key);
  }

  #find(time: number, key: StateKey): Entry<Value> | undefined {
    const recent = this.#recent;
    if (recent !== undefined && recent.key === key && recent.time === time) return recent;
    const entry = this.#buckets.get(time)?.entries.get(key);
    if (entry !== undefined) this.#recent = entry;
    return entry;
  }

  #insert(time: number, key: StateKey, value: Value): Entry<Value> {
    const entry: Entry<Value> = { key, time, value, changed: false };
    const bucket = this.#buckets.get(time) ?? this.#addBucket(time);
    bucket.entries.set(key, entry);
    if (bucket.walk !== undefined) insertDescending(bucket.walk, key);
    this.#recent = entry;
    this.#size++;
    return entry;
  }

  #addBucket(time: number): Bucket<Value> {
    const bucket: Bucket<Value> = { time, entries: new Map(), walk: undefined };
    this.#buckets.set(time, bucket);
    this.#range.add(time);
    if (time < this.#firstTime) this.#firstTime = time;
    return bucket;
  }

  #remove(entry: Entry<Value>): void {
    const bucket = this.#buckets.get(entry.time);
    bucket?.entries.delete(entry.key);
    this.#recent = undefined;
    this.#size--;
    if (bucket?.entries.size === 0) this.#removeBucket(entry.time);
  }

  #removeBucket(time: number): void {
    this.#buckets.delete(time);
    if (time === this.#firstTime) this.#firstTime = this.#range.first();
  }
}

function descending(a: StateKey, b: StateKey): number {
  return a < b ? 1 : -1;
}

function insertDescending(keys: StateKey[], key: StateKey): void {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as StateKey) > key) low = middle + 1;
    else high = middle;
  }
  keys.splice(low, 0, key);
}
