/**
 * Lists and maps whose elements are entries of their own: adding one writes one, and looking one up
 * reads one, however many there are.
 *
 * Removing all of a key's elements is one record, and the folder deletes the rows. Until that is
 * folded, the key stays in memory as complete: nobody asks the tables for what was removed.
 */
import type { Codec } from '../formats/index.ts';
import { allKey, itemKey } from './change.ts';
import { Elements, placeBehind } from './elements.ts';
import { Entries } from './entries.ts';
import type { EntryId } from './entry-table.ts';
import { indexOf, placeOf } from './key.ts';
import type { Residency } from './residency.ts';
import type { StoredRow, StoreRows } from './store-rows.ts';
import type { ElementPlace, ListStore, MapStore, StateKey } from './stores.ts';
import { parts } from './value-store.ts';

/** What a key takes in memory besides its elements. */
const elementsBytes = 300;

/** What an element takes in the map of its key, besides the item. */
const elementBytes = 64;

abstract class ItemStore<Value> extends Entries<Value> {
  readonly #number: number;
  readonly #rows: StoreRows | undefined;
  readonly #keys = new Map<StateKey, Elements>();
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

  override get size(): number {
    return this.#size;
  }

  clear(key: StateKey): void {
    const elements = this.#elementsOf(key);
    if (elements.part === parts.complete && elements.entries.size === 0) return;
    this.set(this.#replace(elements), undefined);
  }

  override recover(
    _time: number,
    key: StateKey,
    item: string,
    value: Uint8Array | undefined,
  ): void {
    const elements = this.#elementsOf(key);
    this.setRecovered(elements.entries.get(item) ?? this.#add(elements, item), value);
  }

  override recoverAll(key: StateKey): void {
    this.setRecovered(this.#replace(this.#elementsOf(key)), undefined);
  }

  override evict(entry: EntryId): void {
    const elements = this.#keys.get(this.table.keys.key(entry));
    if (elements !== undefined) elements.part = parts.rows;
    this.#mayBeStored = true;
    this.discard(entry);
  }

  protected override recordKey(entry: EntryId): Uint8Array {
    const key = this.table.keys.key(entry);
    return this.table.isRemoval(entry)
      ? allKey(this.#number, key)
      : itemKey(this.#number, key, this.table.keys.item(entry));
  }

  protected override unlink(entry: EntryId): void {
    const key = this.table.keys.key(entry);
    const elements = this.#keys.get(key);
    if (elements === undefined) return;
    const item = this.table.keys.item(entry);
    if (elements.removal === entry) elements.removal = undefined;
    else if (elements.entries.get(item) === entry) {
      elements.entries.delete(item);
      this.#grow(-1);
    }
    if (elements.entries.size > 0 || elements.removal !== undefined) return;
    this.#keys.delete(key);
    this.table.account(-elementsBytes);
  }

  protected getItem(key: StateKey, item: string): Value | undefined {
    const entry = this.#find(this.#elementsOf(key), item);
    return entry === undefined ? undefined : this.valueOf(entry);
  }

  protected putItem(key: StateKey, item: string, value: Value): void {
    this.check(value);
    const elements = this.#elementsOf(key);
    const stored = this.isUndoable ? this.#find(elements, item) : elements.entries.get(item);
    this.set(stored ?? this.#addNew(elements, item), value);
  }

  protected deleteItem(key: StateKey, item: string): void {
    const entry = this.#find(this.#elementsOf(key), item);
    if (entry === undefined || !this.table.isLive(entry)) return;
    this.set(entry, undefined);
    if (!this.#mayBeStored && !this.residency.keepsMarks) this.forget(entry);
  }

  /** See `ValueStore.keys`. */
  protected *walkItems(): Generator<readonly [StateKey, string], void, void> {
    for (const { key, entries } of this.#keys.values()) {
      for (const [item, entry] of entries) if (this.table.isLive(entry)) yield [key, item];
    }
    for (const { key, item } of this.#rows?.walk(this.residency.rowsAtOnce) ?? []) {
      if (this.getItem(key, item) !== undefined) yield [key, item];
    }
  }

  /** The largest item of a key that is there; empty where there is none. */
  protected lastItem(key: StateKey): string {
    const elements = this.#elementsOf(key);
    const inMemory = elements.lastItem((entry) => this.table.isLive(entry));
    if (elements.part === parts.complete) return inMemory;
    let stored = this.#rows?.lastOfKey(key, undefined)?.item ?? '';
    while (stored > inMemory && elements.entries.has(stored)) {
      stored = this.#rows?.lastOfKey(key, stored)?.item ?? ''; // that one was deleted
    }
    return stored > inMemory ? stored : inMemory;
  }

  /**
   * The elements behind `after` (undefined: all) that are there when it begins, in order, as they
   * are when it comes to them.
   */
  protected *items(
    key: StateKey,
    after?: string,
  ): Generator<[item: string, value: Value], void, void> {
    const elements = this.#elementsOf(key);
    if (elements.part === parts.unknown) this.#readAll(elements);
    const isComplete = elements.part === parts.complete;
    const rows = isComplete ? [][Symbol.iterator]() : this.#stored(key, after);
    let row = rows.next();
    const ordered = elements.ordered();
    const end = ordered.length;
    for (let i = placeBehind(ordered, after); i < end; i++) {
      const item = ordered[i] as string; // below the length
      for (; row.done !== true && row.value.item <= item; row = rows.next()) {
        if (row.value.item < item) yield* this.#itemOf(key, row.value);
      }
      const value = this.getItem(key, item);
      if (value !== undefined) yield [item, value];
    }
    for (; row.done !== true; row = rows.next()) yield* this.#itemOf(key, row.value);
  }

  /** The elements of a key with their entries; those that only the tables have become entries. */
  protected eachEntry(key: StateKey, visit: (value: Value, entry: EntryId) => void): void {
    const elements = this.#elementsOf(key);
    if (elements.part !== parts.complete) this.#loadAll(elements);
    for (const entry of elements.entries.values()) {
      const value = this.valueOf(entry);
      if (value !== undefined) visit(value, entry);
    }
  }

  /** Also of a key with many: who asks for this uses all of them. */
  #loadAll(elements: Elements): void {
    if (elements.part === parts.unknown && this.#readAll(elements)) return;
    for (const { item, value } of this.#stored(elements.key, undefined)) {
      if (!elements.entries.has(item)) this.#load(elements, item, value); // else it is newer
    }
    elements.part = parts.complete;
  }

  protected putEntry(entry: EntryId, value: Value): void {
    this.check(value);
    this.set(entry, value);
  }

  /** What a row stands for: it may have been changed since it was read. */
  *#itemOf(key: StateKey, { item, value }: StoredRow): Generator<[string, Value], void, void> {
    const elements = this.#elementsOf(key);
    const entry = elements.entries.get(item);
    if (entry === undefined && elements.part === parts.complete) return; // all were removed
    const now = entry === undefined ? this.decode(value, 0, value.length) : this.valueOf(entry);
    if (now !== undefined) yield [item, now];
  }

  *#stored(key: StateKey, after: string | undefined): Generator<StoredRow, void, void> {
    const { rowsAtOnce } = this.residency;
    for (let last = after; ; ) {
      const rows = this.#rows?.ofKey(key, last, rowsAtOnce) ?? [];
      yield* rows;
      if (rows.length < rowsAtOnce) return;
      last = rows.at(-1)?.item;
    }
  }

  #elementsOf(key: StateKey): Elements {
    const part = this.#mayBeStored ? parts.unknown : parts.complete;
    return this.#keys.get(key) ?? new Elements(key, part);
  }

  #add(elements: Elements, item: string): EntryId {
    const entry = this.make(0, elements.key, item);
    elements.add(item, entry);
    this.#keep(elements);
    this.#grow(1);
    return entry;
  }

  /** An item that the tables do not have either. */
  #addNew(elements: Elements, item: string): EntryId {
    const { lastAdded } = elements;
    if (this.isUndoable) {
      this.residency.journal.onUndo(() => elements.takeBack(item, lastAdded));
    }
    return this.#add(elements, item);
  }

  #grow(by: number): void {
    this.#size += by;
    this.table.account(by * elementBytes);
  }

  #keep(elements: Elements): void {
    if (!this.#keys.has(elements.key)) this.table.account(elementsBytes);
    this.#keys.set(elements.key, elements);
  }

  #find(elements: Elements, item: string): EntryId | undefined {
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
  #readAll(elements: Elements): boolean {
    const { smallPartRows } = this.residency;
    const found = this.#rows?.ofKey(elements.key, undefined, smallPartRows + 1) ?? [];
    elements.part = found.length > smallPartRows ? parts.rows : parts.complete;
    if (found.length > smallPartRows) return false;
    for (const { item, value } of found) {
      if (!elements.entries.has(item)) this.#load(elements, item, value); // else it is newer
    }
    return true;
  }

  #load(elements: Elements, item: string, value: Buffer): EntryId {
    const entry = this.#add(elements, item);
    this.setStored(entry, value);
    return entry;
  }

  /** All elements of a key are gone, in memory and as far as memory is concerned. */
  #replace(replaced: Elements): EntryId {
    const { key, entries } = replaced;
    for (const entry of entries.values()) {
      if (this.table.isChanged(entry)) this.set(entry, undefined);
    }
    const remove = () => {
      for (const entry of entries.values()) this.table.remove(entry);
    };
    if (this.isUndoable) this.#noteReplaced(replaced, remove);
    else remove();
    this.#grow(-entries.size);
    const elements = new Elements(key, parts.complete);
    elements.removal = this.make(0, key, '');
    this.table.markRemoval(elements.removal);
    this.#keep(elements);
    return elements.removal;
  }

  #noteReplaced(replaced: Elements, remove: () => void): void {
    const wasKept = this.#keys.get(replaced.key) === replaced;
    this.residency.journal.onKeep(remove);
    this.residency.journal.onUndo(() => {
      if (wasKept) this.#keep(replaced);
      this.#grow(replaced.entries.size);
    });
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

  *entries(key: StateKey, after?: Item): Iterable<[Item, Value]> {
    const place = after === undefined ? undefined : this.#place(after);
    for (const [item, value] of this.items(key, place)) yield [this.#itemOf(item), value];
  }

  each(key: StateKey, visit: (value: Value, place: ElementPlace) => void): void {
    this.eachEntry(key, visit);
  }

  putAt(place: ElementPlace, value: Value): void {
    this.putEntry(place, value);
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
