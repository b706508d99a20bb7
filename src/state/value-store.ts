/**
 * One value for each key.
 *
 * Whether the tables may have a key that memory does not is known for each key group. A small group
 * is read as a whole when one of its keys is first asked for, so that most stores are soon complete
 * in memory and never ask again; of a large one single rows are read.
 */
import type { Codec } from '../formats/index.ts';
import { valueKeyFor } from './change.ts';
import { Entries } from './entries.ts';
import type { EntryId } from './entry-table.ts';
import { groupOf, keyGroups } from './key.ts';
import { KeyMap } from './key-map.ts';
import type { Residency } from './residency.ts';
import type { StoreRows } from './store-rows.ts';
import type { StateKey, ValueStore } from './stores.ts';

/** What memory knows of a part of the tables: nothing to ask for, never asked, or row by row. */
export const parts = { complete: 0, unknown: 1, rows: 2 } as const;

export class MemoryValueStore<Value> extends Entries<Value> implements ValueStore<Value> {
  readonly #number: number;
  readonly #rows: StoreRows | undefined;
  readonly #entries = new KeyMap(this.table.keys);
  readonly #groups = new Uint8Array(keyGroups);

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
    if (rows?.first() !== undefined) this.#groups.fill(parts.unknown);
  }

  override get size(): number {
    return this.#entries.size;
  }

  get(key: StateKey): Value | undefined {
    const entry = this.#find(key);
    return entry === undefined ? undefined : this.valueOf(entry);
  }

  put(key: StateKey, value: Value): void {
    this.check(value);
    const stored = this.isUndoable ? this.#find(key) : this.#entries.get(key);
    this.set(stored ?? this.#add(key), value);
  }

  delete(key: StateKey): void {
    const entry = this.#find(key);
    if (entry === undefined || !this.table.isLive(entry)) return;
    this.set(entry, undefined);
    const mayForget = this.#groups[groupOf(key)] === parts.complete;
    if (mayForget && !this.residency.keepsMarks) this.forget(entry);
  }

  *keys(): Generator<StateKey, void, void> {
    for (const entry of this.#entries.values()) {
      if (this.table.isLive(entry)) yield this.table.keys.key(entry);
    }
    const rows = this.#rows?.walk(this.residency.rowsAtOnce) ?? [];
    for (const { key } of rows) if (this.get(key) !== undefined) yield key;
  }

  override recover(
    _time: number,
    key: StateKey,
    _item: string,
    value: Uint8Array | undefined,
  ): void {
    this.setRecovered(this.#entries.get(key) ?? this.#add(key), value);
  }

  override recoverAll(): void {}

  override evict(entry: EntryId): void {
    this.#groups[this.table.keys.group(entry)] = parts.rows;
    this.discard(entry);
  }

  protected override recordKey(entry: EntryId): Uint8Array {
    const { keys } = this.table;
    return keys.writeAtEnd(entry, valueKeyFor(this.#number, keys.length(entry)));
  }

  protected override unlink(entry: EntryId): void {
    this.#entries.delete(entry);
  }

  #find(key: StateKey): EntryId | undefined {
    return this.#entries.get(key) ?? this.#fromTables(key);
  }

  #add(key: StateKey): EntryId {
    const entry = this.make(0, key, '');
    this.#entries.add(key, entry);
    return entry;
  }

  #load(key: StateKey, value: Buffer): EntryId {
    const entry = this.#add(key);
    this.setStored(entry, value);
    return entry;
  }

  /** Memory does not have the key. */
  #fromTables(key: StateKey): EntryId | undefined {
    const group = groupOf(key);
    const part = this.#groups[group];
    if (part === parts.complete || this.#rows === undefined) return undefined;
    if (part === parts.unknown && this.#readGroup(this.#rows, group)) return this.#entries.get(key);
    const value = this.#rows.get(0, key, '');
    return value === undefined ? undefined : this.#load(key, value);
  }

  /** Whether the group is complete in memory now. */
  #readGroup(rows: StoreRows, group: number): boolean {
    const { smallPartRows } = this.residency;
    const found = rows.ofGroup(group, smallPartRows + 1);
    this.#groups[group] = found.length > smallPartRows ? parts.rows : parts.complete;
    if (found.length > smallPartRows) return false;
    for (const { key, value } of found) {
      if (this.#entries.get(key) === undefined) this.#load(key, value); // else newer, or deleted
    }
    return true;
  }
}
