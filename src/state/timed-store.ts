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
import { timedKeyFor } from './change.ts';
import { Entries } from './entries.ts';
import type { EntryBefore, EntryId } from './entry-table.ts';
import { KeyMap } from './key-map.ts';
import type { Residency } from './residency.ts';
import type { StoreRows } from './store-rows.ts';
import type { StateKey, TimedEntry, TimedStore } from './stores.ts';
import { TimeRange } from './time-range.ts';

/** The entries of one time. */
interface Bucket {
  readonly entries: KeyMap;
  /** Entries that are not marks of a deletion. */
  live: number;
}

/** What a time takes in memory besides its entries. */
const bucketBytes = 560;

interface Place {
  readonly time: number;
  readonly key: StateKey;
}

export class MemoryTimedStore<Value> extends Entries<Value> implements TimedStore<Value> {
  readonly #number: number;
  readonly #rows: StoreRows | undefined;
  readonly #buckets = new Map<number, Bucket>();
  readonly #range = new TimeRange({
    has: (time) => this.#isInUse(time),
    keys: () => this.#buckets.keys(),
    size: () => this.#buckets.size,
  });
  #firstTime = Number.POSITIVE_INFINITY;
  #size = 0;
  /** The entry used last: a record's get and put are one lookup. */
  #recent: EntryId | undefined;
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

  override get size(): number {
    return this.#size;
  }

  get(time: number, key: StateKey): Value | undefined {
    const entry = this.#find(time, key);
    return entry === undefined ? undefined : this.valueOf(entry);
  }

  put(time: number, key: StateKey, value: Value): void {
    this.check(value);
    const stored = this.isUndoable ? this.#find(time, key) : this.#inMemory(time, key);
    const entry = stored ?? this.#add(time, key);
    const wasLive = this.table.isLive(entry);
    this.set(entry, value);
    if (!wasLive) this.#count(time, key);
  }

  delete(time: number, key: StateKey): void {
    const entry = this.#find(time, key);
    if (entry === undefined || !this.table.isLive(entry)) return;
    this.set(entry, undefined);
    this.#uncount(time);
    if (this.residency.keepsMarks || this.#mayBeStored({ time, key })) {
      this.#settleLast(); // while there is a mark
    } else {
      this.forget(entry);
    }
  }

  firstTime(): number {
    while (this.#unread !== undefined && this.#unread.time < this.#firstTime) this.#readOn();
    return this.#firstTime;
  }

  first(): TimedEntry<Value> | undefined {
    for (;;) {
      const time = this.firstTime();
      const found = this.#buckets.get(time)?.entries.first(this.#isLive);
      if (found === undefined) return undefined;
      const { key, entry } = found;
      this.#recent = entry; // it is removed next
      if (this.#unread === undefined || isBefore({ time, key }, this.#unread)) {
        return { time, key, value: this.valueOf(entry) as Value }; // it is live
      }
      this.#readOn();
    }
  }

  lastTime(): number {
    this.#settleLast();
    return Math.max(this.#range.last(), this.#last?.time ?? Number.NEGATIVE_INFINITY);
  }

  override recover(
    time: number,
    key: StateKey,
    _item: string,
    value: Uint8Array | undefined,
  ): void {
    const entry = this.#inMemory(time, key) ?? this.#add(time, key);
    const wasLive = this.table.isLive(entry);
    this.setRecovered(entry, value);
    if (wasLive && value === undefined) this.#uncount(time);
    if (!wasLive && value !== undefined) this.#count(time, key);
  }

  override recoverAll(): void {}

  override evict(entry: EntryId): void {
    const place = { time: this.table.time(entry), key: this.table.keys.key(entry) };
    this.#uncount(place.time);
    this.discard(entry);
    if (this.#unread === undefined || isBefore(place, this.#unread)) this.#unread = place;
    if (this.#last === undefined || isBefore(this.#last, place)) this.#last = place;
  }

  override sweep(entry: EntryId): void {
    this.#settleLast(); // while there is a mark
    super.sweep(entry);
  }

  protected override tookBack(entry: EntryId, { isLive }: EntryBefore, wasLive: boolean): void {
    const time = this.table.time(entry);
    if (wasLive && !isLive) this.#uncount(time);
    if (!wasLive && isLive) this.#count(time, this.table.keys.key(entry));
  }

  protected override recordKey(entry: EntryId): Uint8Array {
    const { keys } = this.table;
    const bytes = timedKeyFor(this.#number, this.table.time(entry), keys.length(entry));
    return keys.writeAtEnd(entry, bytes);
  }

  protected override unlink(entry: EntryId): void {
    const time = this.table.time(entry);
    const bucket = this.#buckets.get(time);
    this.#recent = undefined;
    if (bucket === undefined) return;
    bucket.entries.delete(entry);
    this.#size--;
    if (bucket.entries.size > 0) return;
    this.#buckets.delete(time);
    this.table.account(-bucketBytes);
  }

  readonly #isLive = (entry: EntryId): boolean => this.table.isLive(entry);

  #find(time: number, key: StateKey): EntryId | undefined {
    return this.#inMemory(time, key) ?? this.#fromTables(time, key);
  }

  #inMemory(time: number, key: StateKey): EntryId | undefined {
    const [recent, { table }] = [this.#recent, this];
    if (recent !== undefined && table.time(recent) === time && table.keys.isKey(recent, key)) {
      return recent;
    }
    const entry = this.#buckets.get(time)?.entries.get(key);
    if (entry !== undefined) this.#recent = entry;
    return entry;
  }

  #fromTables(time: number, key: StateKey): EntryId | undefined {
    if (!this.#mayBeStored({ time, key })) return undefined;
    const value = this.#rows?.get(time, key, '');
    return value === undefined ? undefined : this.#load(time, key, value);
  }

  /** Whether the tables may have something here that memory does not. */
  #mayBeStored(place: Place): boolean {
    const [unread, last] = [this.#unread, this.#last];
    return unread !== undefined && last !== undefined && place.time <= last.time
      ? !isBefore(place, unread)
      : false;
  }

  #load(time: number, key: StateKey, value: Buffer): EntryId {
    const entry = this.#add(time, key);
    this.setStored(entry, value);
    this.#count(time, key);
    return entry;
  }

  /** Reads the next portion of the tables. */
  #readOn(): void {
    const { time, key } = this.#unread ?? noPlace;
    const { rowsAtOnce } = this.residency;
    const found = this.#rows?.from(time, key, rowsAtOnce) ?? [];
    for (const row of found) {
      if (this.#last === undefined || isBefore(this.#last, row)) break; // memory knows better
      if (this.#inMemory(row.time, row.key) !== undefined) continue; // it is newer
      this.#load(row.time, row.key, row.value);
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

  #add(time: number, key: StateKey): EntryId {
    const entry = this.make(time, key, '');
    this.#bucketOf(time).entries.add(key, entry);
    this.#recent = entry;
    this.#size++;
    return entry;
  }

  #bucketOf(time: number): Bucket {
    const known = this.#buckets.get(time);
    if (known !== undefined) return known;
    const bucket: Bucket = { entries: new KeyMap(this.table.keys), live: 0 };
    this.#buckets.set(time, bucket);
    this.table.account(bucketBytes);
    return bucket;
  }

  /** The entry has come to have a value. */
  #count(time: number, key: StateKey): void {
    const bucket = this.#buckets.get(time);
    if (bucket === undefined) return;
    bucket.entries.meet(key);
    bucket.live++;
    if (bucket.live > 1) return;
    this.#range.add(time);
    if (time < this.#firstTime) this.#firstTime = time;
  }

  /** The entry has no value any more, or goes. */
  #uncount(time: number): void {
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

function isBefore(a: Place, b: Place): boolean {
  return a.time < b.time || (a.time === b.time && a.key < b.key);
}
