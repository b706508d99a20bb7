/**
 * Lists and maps whose elements are entries of their own: adding one writes one, and looking one up
 * reads one, however many there are.
 *
 * Removing all of a key's elements is one record, and the folder deletes the rows. Until that is
 * folded, the key stays in memory as complete: nobody asks the tables for what was removed.
 */
import type { Codec } from '../formats/index.ts';
import { allKey, itemKey } from './change.ts';
import { type Encoded, Entries, Entry, type TaskStore } from './entry.ts';
import { indexOf, placeOf } from './key.ts';
import type { Residency } from './residency.ts';
import type { StoredRow, StoreRows } from './store-rows.ts';
import type { ListStore, MapStore, StateKey } from './stores.ts';
import { parts } from './value-store.ts';

/** Stands for the removal of all elements of a key, until it is folded. */
class Removal<Value> extends Entry<Value> {}

/** The elements of one key. */
class Elements<Value> {
  readonly key: StateKey;
  readonly entries = new Map<string, Entry<Value>>();
  part: number;
  removal: Removal<Value> | undefined;
  /** Whether the entries lie in the map in their order. */
  #sorted = true;
  #lastAdded = '';

  constructor(key: StateKey, part: number) {
    this.key = key;
    this.part = part;
  }

  add(entry: Entry<Value>): void {
    if (this.entries.size > 0 && entry.item < this.#lastAdded) this.#sorted = false;
    this.#lastAdded = entry.item;
    this.entries.set(entry.item, entry);
  }

  /** What is in memory now, in order. */
  ordered(): Entry<Value>[] {
    const entries = [...this.entries.values()];
    return this.#sorted ? entries : entries.sort((a, b) => (a.item < b.item ? -1 : 1));
  }

  /** The largest item in memory; empty where there is none. */
  lastItem(): string {
    return this.#sorted ? this.#lastAdded : (this.ordered().at(-1)?.item ?? '');
  }
}

abstract class ItemStore<Value> extends Entries<Value> implements TaskStore {
  readonly #number: number;
  readonly #rows: StoreRows | undefined;
  readonly #keys = new Map<StateKey, Elements<Value>>();
  /** Whether the tables may have anything that memory does not. */
  #mayBeStored: boolean;
  #size = 0;

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
    this.#mayBeStored = rows?.first() !== undefined;
  }

  get size(): number {
    return this.#size;
  }

  clear(key: StateKey): void {
    const elements = this.#elementsOf(key);
    if (elements.part === parts.complete && elements.entries.size === 0) return;
    this.set(this.#replace(elements), undefined);
  }

  recover(_time: number, key: StateKey, item: string, value: Encoded | undefined): void {
    const elements = this.#elementsOf(key);
    const known = elements.entries.get(item);
    this.setRecovered(known ?? this.#add(elements, this.make(0, key, item)), value);
  }

  recoverAll(key: StateKey): void {
    this.setRecovered(this.#replace(this.#elementsOf(key)), undefined);
  }

  *walk(): Generator<Entry<Value>, void, void> {
    for (const { entries } of this.#keys.values()) yield* entries.values();
  }

  evict(entry: Entry<Value>): void {
    const elements = this.#keys.get(entry.key);
    if (elements !== undefined) elements.part = parts.rows;
    this.#mayBeStored = true;
    this.remove(entry);
    this.forget(entry);
  }

  protected override recordKey(entry: Entry<Value>): Uint8Array {
    return entry instanceof Removal
      ? allKey(this.#number, entry.key)
      : itemKey(this.#number, entry.key, entry.item);
  }

  protected override remove(entry: Entry<Value>): void {
    const elements = this.#keys.get(entry.key);
    if (elements === undefined) return;
    if (elements.removal === entry) elements.removal = undefined;
    else if (elements.entries.delete(entry.item)) this.#size--;
    const { entries, removal } = elements;
    if (entries.size === 0 && removal === undefined) this.#keys.delete(entry.key);
  }

  protected getItem(key: StateKey, item: string): Value | undefined {
    const entry = this.#find(this.#elementsOf(key), item);
    return entry === undefined ? undefined : this.valueOf(entry);
  }

  protected putItem(key: StateKey, item: string, value: Value): void {
    this.check(value);
    const elements = this.#elementsOf(key);
    const known = elements.entries.get(item);
    this.set(known ?? this.#add(elements, this.make(0, key, item)), value);
  }

  protected deleteItem(key: StateKey, item: string): void {
    const entry = this.#find(this.#elementsOf(key), item);
    if (entry?.isLive !== true) return;
    this.set(entry, undefined);
    if (this.#mayBeStored || this.residency.keepsMarks) return;
    this.remove(entry);
    this.forget(entry);
  }

  /** See `ValueStore.keys`. */
  protected *walkItems(): Generator<readonly [StateKey, string], void, void> {
    for (const { key, item, isLive } of this.walk()) if (isLive) yield [key, item];
    for (const { key, item } of this.#rows?.walk(this.residency.rowsAtOnce) ?? []) {
      if (this.getItem(key, item) !== undefined) yield [key, item];
    }
  }

  /** The largest item of a key; empty where there is none. */
  protected lastItem(key: StateKey): string {
    const elements = this.#elementsOf(key);
    const inMemory = elements.lastItem();
    if (elements.part === parts.complete) return inMemory;
    const stored = this.#rows?.lastOfKey(key)?.item ?? '';
    return stored > inMemory ? stored : inMemory;
  }

  /** The elements that are there when it begins, in order, as they are when it comes to them. */
  protected *items(key: StateKey): Generator<[item: string, value: Value], void, void> {
    const elements = this.#elementsOf(key);
    if (elements.part === parts.unknown) this.#readAll(elements);
    const rows = elements.part === parts.complete ? [][Symbol.iterator]() : this.#stored(key);
    let row = rows.next();
    for (const entry of elements.ordered()) {
      for (; row.done !== true && row.value.item <= entry.item; row = rows.next()) {
        if (row.value.item < entry.item) yield* this.#itemOf(key, row.value);
      }
      const value = entry.size > 0 ? this.valueOf(entry) : this.getItem(key, entry.item);
      if (value !== undefined) yield [entry.item, value];
    }
    for (; row.done !== true; row = rows.next()) yield* this.#itemOf(key, row.value);
  }

  /** What a row stands for: it may have been changed since it was read. */
  *#itemOf(key: StateKey, { item, value }: StoredRow): Generator<[string, Value], void, void> {
    const elements = this.#elementsOf(key);
    const entry = elements.entries.get(item);
    if (entry === undefined && elements.part === parts.complete) return; // all were removed
    const now = entry === undefined ? this.decode(value, 0, value.length) : this.valueOf(entry);
    if (now !== undefined) yield [item, now];
  }

  *#stored(key: StateKey): Generator<StoredRow, void, void> {
    const { rowsAtOnce } = this.residency;
    for (let after: string | undefined; ; ) {
      const rows = this.#rows?.ofKey(key, after, rowsAtOnce) ?? [];
      yield* rows;
      if (rows.length < rowsAtOnce) return;
      after = rows.at(-1)?.item;
    }
  }

  #elementsOf(key: StateKey): Elements<Value> {
    const part = this.#mayBeStored ? parts.unknown : parts.complete;
    return this.#keys.get(key) ?? new Elements(key, part);
  }

  #add(elements: Elements<Value>, entry: Entry<Value>): Entry<Value> {
    elements.add(entry);
    this.#keys.set(elements.key, elements);
    this.#size++;
    return entry;
  }

  #find(elements: Elements<Value>, item: string): Entry<Value> | undefined {
    const known = elements.entries.get(item);
    if (known !== undefined || elements.part === parts.complete) return known;
    if (elements.part === parts.unknown && this.#readAll(elements)) {
      return elements.entries.get(item);
    }
    const value = this.#rows?.get(0, elements.key, item);
    if (value === undefined) return undefined;
    return this.#load(elements, item, value);
  }

  /** Whether all elements of the key are in memory now. */
  #readAll(elements: Elements<Value>): boolean {
    const { smallPartRows } = this.residency;
    const found = this.#rows?.ofKey(elements.key, undefined, smallPartRows + 1) ?? [];
    elements.part = found.length > smallPartRows ? parts.rows : parts.complete;
    if (found.length > smallPartRows) return false;
    for (const { item, value } of found) {
      if (!elements.entries.has(item)) this.#load(elements, item, value); // else it is newer
    }
    return true;
  }

  #load(elements: Elements<Value>, item: string, value: Buffer): Entry<Value> {
    const encoded = { bytes: value, start: 0, end: value.length };
    return this.#add(elements, this.makeStored(0, elements.key, item, encoded));
  }

  /** All elements of a key are gone, in memory and as far as memory is concerned. */
  #replace({ key, entries }: Elements<Value>): Removal<Value> {
    for (const entry of entries.values()) {
      if (entry.changed) this.set(entry, undefined);
      this.forget(entry);
    }
    this.#size -= entries.size;
    const elements = new Elements<Value>(key, parts.complete);
    elements.removal = this.measured(new Removal<Value>(0, key, '', undefined));
    this.#keys.set(key, elements);
    return elements.removal;
  }
}

export class MemoryListStore<Value> extends ItemStore<Value> implements ListStore<Value> {
  add(key: StateKey, value: Value): number {
    const last = this.lastItem(key);
    const place = last === '' ? 0 : indexOf(last) + 1;
    this.putItem(key, placeOf(place), value);
    return place;
  }

  get(key: StateKey, place: number): Value | undefined {
    return this.getItem(key, placeOf(place));
  }

  delete(key: StateKey, place: number): void {
    this.deleteItem(key, placeOf(place));
  }

  *entries(key: StateKey): Iterable<[number, Value]> {
    for (const [item, value] of this.items(key)) yield [indexOf(item), value];
  }

  *places(): Generator<[StateKey, number], void, void> {
    for (const [key, item] of this.walkItems()) yield [key, indexOf(item)];
  }

  *values(key: StateKey): Iterable<Value> {
    for (const [, value] of this.items(key)) yield value;
  }
}

export class MemoryMapStore<Item, Value> extends ItemStore<Value> implements MapStore<Item, Value> {
  readonly #itemCodec: Codec<Item>;

  constructor(
    number: number,
    name: string,
    codecs: { readonly item: Codec<Item>; readonly value: Codec<Value> },
    residency: Residency,
    rows: StoreRows | undefined,
  ) {
    super(number, name, codecs.value, residency, rows);
    this.#itemCodec = codecs.item;
  }

  get(key: StateKey, item: Item): Value | undefined {
    return this.getItem(key, this.#place(item));
  }

  put(key: StateKey, item: Item, value: Value): void {
    this.putItem(key, this.#place(item), value);
  }

  delete(key: StateKey, item: Item): void {
    this.deleteItem(key, this.#place(item));
  }

  *entries(key: StateKey): Iterable<[Item, Value]> {
    for (const [item, value] of this.items(key)) yield [this.#itemOf(item), value];
  }

  *places(): Generator<[StateKey, Item], void, void> {
    for (const [key, item] of this.walkItems()) yield [key, this.#itemOf(item)];
  }

  #itemOf(place: string): Item {
    const bytes = Buffer.from(place, 'latin1');
    return this.#itemCodec.decode(bytes, 0, bytes.length);
  }

  #place(item: Item): string {
    return Buffer.from(this.#itemCodec.encode(item)).toString('latin1');
  }
}
