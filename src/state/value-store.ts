/**
 * One value for each key.
 *
 * Whether the tables may have a key that memory does not is known for each key group. A small group
 * is read as a whole when one of its keys is first asked for, so that most stores are soon complete
 * in memory and never ask again; of a large one single rows are read.
 */
import type { Codec } from '../formats/index.ts';
import { valueKey } from './change.ts';
import { type Encoded, Entries, type Entry, type TaskStore } from './entry.ts';
import { groupOf, keyGroups } from './key.ts';
import { KeyMap } from './key-map.ts';
import type { Residency } from './residency.ts';
import type { StoreRows } from './store-rows.ts';
import type { StateKey, ValueStore } from './stores.ts';

/** What memory knows of a part of the tables: nothing to ask for, never asked, or row by row. */
export const parts = { complete: 0, unknown: 1, rows: 2 } as const;

export class MemoryValueStore<Value>
  extends Entries<Value>
  implements ValueStore<Value>, TaskStore
{
  readonly #number: number;
  readonly #rows: StoreRows | undefined;
  readonly #entries = new KeyMap<Entry<Value>>();
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

  get size(): number {
    return this.#entries.size;
  }

  get(key: StateKey): Value | undefined {
    const entry = this.#entries.get(key) ?? this.#fromTables(key);
    return entry === undefined ? undefined : this.valueOf(entry);
  }

  put(key: StateKey, value: Value): void {
    this.check(value);
    this.set(this.#entries.get(key) ?? this.#add(this.make(0, key, '')), value);
  }

  delete(key: StateKey): void {
    const entry = this.#entries.get(key) ?? this.#fromTables(key);
    if (entry?.isLive !== true) return;
    this.set(entry, undefined);
    if (!this.residency.keepsMarks && this.#groups[groupOf(key)] === parts.complete) {
      this.remove(entry);
      this.forget(entry);
    }
  }

  *keys(): Generator<StateKey, void, void> {
    for (const { key, isLive } of this.#entries.values()) if (isLive) yield key;
    const rows = this.#rows?.walk(this.residency.rowsAtOnce) ?? [];
    for (const { key } of rows) if (this.get(key) !== undefined) yield key;
  }

  recover(_time: number, key: StateKey, _item: string, value: Encoded | undefined): void {
    this.setRecovered(this.#entries.get(key) ?? this.#add(this.make(0, key, '')), value);
  }

  recoverAll(): void {}

  walk(): Iterator<Entry<Value>> {
    return this.#entries.values();
  }

  evict(entry: Entry<Value>): void {
    this.remove(entry);
    this.forget(entry);
    this.#groups[groupOf(entry.key)] = parts.rows;
  }

  protected override recordKey({ key }: Entry<Value>): Uint8Array {
    return valueKey(this.#number, key);
  }

  protected override remove({ key }: Entry<Value>): void {
    this.#entries.delete(key);
  }

  #add(entry: Entry<Value>): Entry<Value> {
    this.#entries.add(entry.key, entry);
    return entry;
  }

  /** Memory does not have the key. */
  #fromTables(key: StateKey): Entry<Value> | undefined {
    const group = groupOf(key);
    const part = this.#groups[group];
    if (part === parts.complete || this.#rows === undefined) return undefined;
    if (part === parts.unknown && this.#readGroup(this.#rows, group)) return this.#entries.get(key);
    const value = this.#rows.get(0, key, '');
    if (value === undefined) return undefined;
    const encoded = { bytes: value, start: 0, end: value.length };
    return this.#add(this.makeStored(0, key, '', encoded));
  }

  /** Whether the group is complete in memory now. */
  #readGroup(rows: StoreRows, group: number): boolean {
    const { smallPartRows } = this.residency;
    const found = rows.ofGroup(group, smallPartRows + 1);
    this.#groups[group] = found.length > smallPartRows ? parts.rows : parts.complete;
    if (found.length > smallPartRows) return false;
    for (const { key, value } of found) {
      if (this.#entries.get(key) !== undefined) continue; // newer, or deleted
      this.#add(this.makeStored(0, key, '', { bytes: value, start: 0, end: value.length }));
    }
    return true;
  }
}
