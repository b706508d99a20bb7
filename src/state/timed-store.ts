/**
 * Entries by time and key: windows and timers.
 *
 *            read                     may lie in the tables only
 *   |------------------------|--------------------------------------|------------------->
 *                         unread                                  last            all in memory
 *
 * Of what the tables have, everything before `unread` is in memory too, and nothing lies behind
 * `last`. Firing takes the first entry, and reads the tables in portions before it comes to
 * `unread`; a new window lies behind `last`, so nobody asks for it. Evicting an entry moves both.
 */
import type { Codec } from '../formats/index.ts';
import { timedKey } from './change.ts';
import { type Encoded, Entries, type Entry, type TaskStore } from './entry.ts';
import { KeyMap } from './key-map.ts';
import type { Residency } from './residency.ts';
import type { StoredRow, StoreRows } from './store-rows.ts';
import type { StateKey, TimedEntry, TimedStore } from './stores.ts';
import { TimeRange } from './time-range.ts';

/** The entries of one time. */
interface Bucket<Value> {
  readonly entries: KeyMap<Entry<Value>>;
  /** Entries that are not marks of a deletion. */
  live: number;
}

interface Place {
  readonly time: number;
  readonly key: StateKey;
}

export class MemoryTimedStore<Value>
  extends Entries<Value>
  implements TimedStore<Value>, TaskStore
{
  readonly #number: number;
  readonly #rows: StoreRows | undefined;
  readonly #buckets = new Map<number, Bucket<Value>>();
  readonly #range = new TimeRange({
    has: (time) => this.#isInUse(time),
    keys: () => this.#buckets.keys(),
    size: () => this.#buckets.size,
  });
  #firstTime = Number.POSITIVE_INFINITY;
  #size = 0;
  /** The entry used last: a record's get and put are one lookup. */
  #recent: Entry<Value> | undefined;
  /** Undefined: everything is in memory. Else the first row that may not be, ... */
  #unread: Place | undefined;
  /** ... and the last row that is not. */
  #last: Place | undefined;

  /** `rows`: what the tables have; undefined where they have nothing of this store. */
  constructor(
    number: number,
    name: string,
    codec: Codec<Value>,
    residency: Residency,
    rows: StoreRows | undefined,
  ) {
    super(name, codec, residency);
    this.#number = number;
    this.#rows = rows;
    this.#unread = rows?.first();
    this.#last = rows?.last();
  }

  get size(): number {
    return this.#size;
  }

  get(time: number, key: StateKey): Value | undefined {
    const entry = this.#find(time, key);
    return entry === undefined ? undefined : this.valueOf(entry);
  }

  put(time: number, key: StateKey, value: Value): void {
    this.check(value);
    const entry = this.#inMemory(time, key) ?? this.#add(this.make(time, key, ''));
    const wasLive = entry.isLive;
    this.set(entry, value);
    if (!wasLive) this.#count(entry);
  }

  delete(time: number, key: StateKey): void {
    const entry = this.#find(time, key);
    if (entry?.isLive !== true) return;
    this.set(entry, undefined);
    this.#uncount(entry);
    if (this.residency.keepsMarks || this.#mayBeStored(entry)) {
      this.#settleLast(); // while there is a mark
      return;
    }
    this.remove(entry);
    this.forget(entry);
  }

  firstTime(): number {
    while (this.#unread !== undefined && this.#unread.time < this.#firstTime) this.#readOn();
    return this.#firstTime;
  }

  first(): TimedEntry<Value> | undefined {
    for (;;) {
      const time = this.firstTime();
      const entry = this.#buckets.get(time)?.entries.first(isLive);
      if (entry === undefined) return undefined;
      if (this.#unread === undefined || isBefore(entry, this.#unread)) {
        this.valueOf(entry);
        return entry as TimedEntry<Value>; // it has a value
      }
      this.#readOn();
    }
  }

  lastTime(): number {
    this.#settleLast();
    return Math.max(this.#range.last(), this.#last?.time ?? Number.NEGATIVE_INFINITY);
  }

  recover(time: number, key: StateKey, _item: string, value: Encoded | undefined): void {
    const entry = this.#inMemory(time, key) ?? this.#add(this.make(time, key, ''));
    const wasLive = entry.isLive;
    this.setRecovered(entry, value);
    if (wasLive && !entry.isLive) this.#uncount(entry);
    if (!wasLive && entry.isLive) this.#count(entry);
  }

  recoverAll(): void {}

  *walk(): Generator<Entry<Value>, void, void> {
    for (const { entries } of this.#buckets.values()) yield* entries.values();
  }

  evict(entry: Entry<Value>): void {
    this.#uncount(entry);
    this.remove(entry);
    this.forget(entry);
    if (this.#unread === undefined || isBefore(entry, this.#unread)) this.#unread = entry;
    if (this.#last === undefined || isBefore(this.#last, entry)) this.#last = entry;
  }

  override sweep(entry: Entry<Value>): void {
    this.#settleLast(); // while there is a mark
    super.sweep(entry);
  }

  protected override recordKey({ time, key }: Entry<Value>): Uint8Array {
    return timedKey(this.#number, time, key);
  }

  protected override remove({ time, key }: Entry<Value>): void {
    const bucket = this.#buckets.get(time);
    this.#recent = undefined;
    if (bucket === undefined) return;
    bucket.entries.delete(key);
    this.#size--;
    if (bucket.entries.size === 0) this.#buckets.delete(time);
  }

  #find(time: number, key: StateKey): Entry<Value> | undefined {
    return this.#inMemory(time, key) ?? this.#fromTables(time, key);
  }

  #inMemory(time: number, key: StateKey): Entry<Value> | undefined {
    const recent = this.#recent;
    if (recent !== undefined && recent.key === key && recent.time === time) return recent;
    const entry = this.#buckets.get(time)?.entries.get(key);
    if (entry !== undefined) this.#recent = entry;
    return entry;
  }

  #fromTables(time: number, key: StateKey): Entry<Value> | undefined {
    if (!this.#mayBeStored({ time, key })) return undefined;
    const value = this.#rows?.get(time, key, '');
    return value === undefined ? undefined : this.#load({ time, key, item: '', value });
  }

  /** Whether the tables may have something here that memory does not. */
  #mayBeStored(place: Place): boolean {
    const [unread, last] = [this.#unread, this.#last];
    return unread !== undefined && last !== undefined && place.time <= last.time
      ? !isBefore(place, unread)
      : false;
  }

  #load({ time, key, value }: StoredRow): Entry<Value> {
    const encoded = { bytes: value, start: 0, end: value.length };
    const entry = this.#add(this.makeStored(time, key, '', encoded));
    this.#count(entry);
    return entry;
  }

  /** Reads the next portion of the tables. */
  #readOn(): void {
    const { time, key } = this.#unread ?? noPlace;
    const { rowsAtOnce } = this.residency;
    const found = this.#rows?.from(time, key, rowsAtOnce) ?? [];
    for (const row of found) {
      if (this.#last === undefined || isBefore(this.#last, row)) break; // memory knows better
      if (this.#inMemory(row.time, row.key) === undefined) this.#load(row); // else it is newer
    }
    const lastRead = found.at(-1);
    if (lastRead === undefined || this.#last === undefined || !isBefore(lastRead, this.#last)) {
      this.#unread = undefined;
      this.#last = undefined;
    } else {
      this.#unread = { time: lastRead.time, key: `${lastRead.key}\0` }; // what follows it
    }
  }

  /** Moves `last` back over rows that memory has. */
  #settleLast(): void {
    while (this.#last !== undefined && this.#rows !== undefined) {
      const last = this.#last;
      if (this.#inMemory(last.time, last.key) === undefined) return;
      const rows = this.#rows.before(last.time, last.key, this.residency.rowsAtOnce);
      const missing = rows.find(({ time, key }) => this.#inMemory(time, key) === undefined);
      this.#last = missing ?? rows.at(-1);
      if (this.#last !== undefined && !isBefore(this.#last, this.#unread ?? noPlace)) continue;
      this.#unread = undefined;
      this.#last = undefined;
    }
  }

  #add(entry: Entry<Value>): Entry<Value> {
    const bucket = this.#buckets.get(entry.time) ?? { entries: new KeyMap(), live: 0 };
    this.#buckets.set(entry.time, bucket);
    bucket.entries.add(entry.key, entry);
    this.#recent = entry;
    this.#size++;
    return entry;
  }

  /** The entry has come to have a value. */
  #count({ time, key }: Entry<Value>): void {
    const bucket = this.#buckets.get(time);
    if (bucket === undefined) return;
    bucket.entries.meet(key);
    bucket.live++;
    if (bucket.live > 1) return;
    this.#range.add(time);
    if (time < this.#firstTime) this.#firstTime = time;
  }

  /** The entry has no value any more, or goes. */
  #uncount({ time }: Entry<Value>): void {
    const bucket = this.#buckets.get(time);
    if (bucket === undefined) return;
    bucket.live--;
    if (bucket.live === 0 && time === this.#firstTime) this.#firstTime = this.#range.first();
  }

  #isInUse(time: number): boolean {
    return (this.#buckets.get(time)?.live ?? 0) > 0;
  }
}

const noPlace: Place = { time: Number.NEGATIVE_INFINITY, key: '' };

function isLive(entry: Entry<unknown>): boolean {
  return entry.isLive;
}

function isBefore(a: Place, b: Place): boolean {
  return a.time < b.time || (a.time === b.time && a.key < b.key);
}
