/**
 * An entry of a store in memory, and what all stores do with theirs: remember what changed, keep
 * what is not folded, and give up the rest when memory is short.
 *
 *   put, delete ──> changed ──checkpoint──> written at n ──fold──> as the tables have it
 *                                                                   may be evicted
 *
 * An entry without a value stands for a deletion that the tables do not know yet.
 */
import type { Codec } from '../formats/index.ts';
import { isMillraceError, MillraceError } from '../platform/index.ts';
import type { ChangeWriter } from './change.ts';
import type { Residency } from './residency.ts';
import type { StateKey } from './stores.ts';

/** Encoded bytes that nobody has asked for yet. */
export interface Encoded {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export class Entry<Value> {
  readonly time: number;
  readonly key: StateKey;
  readonly item: string;
  /** Undefined once deleted, and while it is only encoded. */
  value: Value | undefined;
  encoded: Encoded | undefined;
  /** Not written to the changelog yet. */
  changed = false;
  /** The checkpoint that wrote it last; 0: it is as the tables have it. */
  checkpoint = 0;
  /** Since eviction came by last. */
  used = true;
  /** About what it takes of memory, in bytes; 0 once it is gone from its store. */
  size = 0;

  constructor(time: number, key: StateKey, item: string, value: Value | undefined) {
    this.time = time;
    this.key = key;
    this.item = item;
    this.value = value;
    this.encoded = undefined;
  }

  get isLive(): boolean {
    return this.value !== undefined || this.encoded !== undefined;
  }
}

/** An entry, its place in a map, the object of a small value: measured by bench/spill. */
const entryBytes = 240;

/** What a decoded value takes for each encoded byte, about. */
const decodedFactor = 2;

/** What a task does with its stores, whatever their kind. */
export interface TaskStore {
  /** Takes a change that is not folded yet. */
  recover(time: number, key: StateKey, item: string, value: Encoded | undefined): void;
  /** Takes the deletion of all elements of a key, not folded yet. */
  recoverAll(key: StateKey): void;
  /** Writes what changed since the last call, in the order of first change. */
  takeChanges(write: ChangeWriter, checkpoint: number): number;
  /** The entries in memory, for eviction to walk over. */
  walk(): Iterator<Entry<unknown>>;
  /** Gives up an entry that the tables have. */
  evict(entry: Entry<unknown>): void;
  /** The deletion that an entry stands for is folded. */
  sweep(entry: Entry<unknown>): void;
  /** Entries in memory. */
  readonly size: number;
}

export abstract class Entries<Value> {
  protected readonly name: string;
  protected readonly codec: Codec<Value>;
  protected readonly residency: Residency;
  #changed: Entry<Value>[] = [];

  constructor(name: string, codec: Codec<Value>, residency: Residency) {
    this.name = name;
    this.codec = codec;
    this.residency = residency;
  }

  takeChanges(write: ChangeWriter, checkpoint: number): number {
    const changed = this.#changed;
    this.#changed = [];
    for (const entry of changed) {
      entry.changed = false;
      entry.checkpoint = checkpoint;
      const bytes = entry.value === undefined ? null : this.#encode(entry.value);
      write(this.recordKey(entry), bytes);
      if (bytes !== null) this.#measure(entry, bytes.length);
      else if (entry.size > 0) this.residency.bury(this, entry);
    }
    return changed.length;
  }

  sweep(entry: Entry<Value>): void {
    if (entry.size === 0 || entry.isLive || !this.residency.isFolded(entry)) return;
    this.remove(entry);
    this.forget(entry);
  }

  protected abstract recordKey(entry: Entry<Value>): Uint8Array;

  /** Takes an entry out of the maps. */
  protected abstract remove(entry: Entry<Value>): void;

  /** Its value, decoded on first use. */
  protected valueOf(entry: Entry<Value>): Value | undefined {
    entry.used = true;
    const { encoded } = entry;
    if (encoded === undefined) return entry.value;
    entry.encoded = undefined;
    entry.value = this.decode(encoded.bytes, encoded.start, encoded.end);
    return entry.value;
  }

  protected set(entry: Entry<Value>, value: Value | undefined): void {
    entry.value = value;
    entry.encoded = undefined;
    entry.used = true;
    if (entry.changed) return;
    entry.changed = true;
    this.residency.changes++;
    this.#changed.push(entry);
  }

  /** A new entry of this store, before it has a value. */
  protected make(time: number, key: StateKey, item: string): Entry<Value> {
    return this.measured(new Entry<Value>(time, key, item, undefined));
  }

  protected measured<Of extends Entry<Value>>(entry: Of): Of {
    this.#measure(entry, 0);
    return entry;
  }

  /** As the tables have it. */
  protected makeStored(time: number, key: StateKey, item: string, of: Encoded): Entry<Value> {
    const entry = new Entry<Value>(time, key, item, undefined);
    entry.encoded = of;
    this.#measure(entry, of.end - of.start);
    return entry;
  }

  /** As a change that is not folded has it. */
  protected setRecovered(entry: Entry<Value>, of: Encoded | undefined): void {
    entry.value = undefined;
    entry.encoded = of;
    entry.checkpoint = this.residency.recovered;
    this.#measure(entry, of === undefined ? 0 : of.end - of.start);
    if (of === undefined) this.residency.bury(this, entry);
  }

  /** The entry is in memory no more. */
  protected forget(entry: Entry<Value>): void {
    this.residency.bytes -= entry.size;
    entry.size = 0;
  }

  protected check(value: Value): void {
    if (this.codec.check === undefined) return;
    try {
      this.codec.check(value);
    } catch (error) {
      throw this.#named(error, "can't keep this value");
    }
  }

  protected decode(bytes: Uint8Array, start: number, end: number): Value {
    try {
      return this.codec.decode(bytes, start, end);
    } catch (error) {
      throw this.#named(error, 'holds what its codec cannot decode');
    }
  }

  #measure(entry: Entry<Value>, valueBytes: number): void {
    const size = entryBytes + entry.key.length + entry.item.length + valueBytes * decodedFactor;
    this.residency.bytes += size - entry.size;
    entry.size = size;
  }

  #encode(value: Value): Uint8Array {
    try {
      return this.codec.encode(value);
    } catch (error) {
      throw this.#named(error, "can't keep this value");
    }
  }

  #named(error: unknown, what: string): unknown {
    if (!isMillraceError(error)) return error;
    return new MillraceError(error.code, `State "${this.name}" ${what}: ${error.message}`, {
      cause: error,
    });
  }
}
