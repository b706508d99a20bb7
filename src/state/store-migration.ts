/**
 * A store whose values, keys or items have an older version than the job, and the one that takes
 * its place: its rows become, portion by portion, entries of a store with another number.
 *
 *   begin()     store 9 is there, unfinished, and replaces store 4
 *   next() ...  its entries
 *   finish()    store 4 is dropped, and store 9 is finished
 */
import { type Change, encodeStoreRecord, entryKey, type StoreRecord, storeKey } from './change.ts';
import { groupOf, keyGroups } from './key.ts';
import type { Origins } from './origins.ts';
import { type KeyGroupOf, RowMigration } from './row-migration.ts';
import type { StateFile } from './state-file.ts';
import type { OutdatedStore } from './store-fit.ts';
import { recordOf } from './store-record.ts';
import type { StoredRow, StoreRows } from './store-rows.ts';

export interface StoreMigrationOptions {
  /** Has all of the store. */
  readonly file: StateFile;
  readonly store: OutdatedStore;
  /** Of the store that takes its place. */
  readonly number: number;
  readonly origins: Origins;
  readonly keyGroupOf: KeyGroupOf;
}

/** A portion: a few ms of work. */
const rowsAtOnce = 512;
const bytesAtOnce = 256 * 1024;

export class StoreMigration {
  readonly #options: StoreMigrationOptions;
  readonly #rows: StoreRows;
  readonly #migration: RowMigration;
  readonly #firstTime: number;
  readonly #lastTime: number;
  #last: StoredRow | undefined;
  #entries = 0;

  constructor(options: StoreMigrationOptions) {
    const { file, store, origins, keyGroupOf } = options;
    this.#options = options;
    this.#rows = file.rowsOf(store.number, store.recorded);
    this.#migration = new RowMigration(store, origins, keyGroupOf);
    this.#firstTime = this.#rows.first()?.time ?? 0;
    this.#lastTime = this.#rows.last()?.time ?? 0;
  }

  get name(): string {
    return this.#options.store.declared.name;
  }

  /** Entries so far. */
  get entries(): number {
    return this.#entries;
  }

  /** About how much of it is done, from 0 to 1: rows lie by time, or else by key group. */
  get share(): number {
    if (this.#last === undefined) return 0;
    const { time, key } = this.#last;
    const span = this.#lastTime - this.#firstTime;
    return span > 0 ? (time - this.#firstTime) / span : groupOf(key) / keyGroups;
  }

  begin(): Change {
    return this.#declaration({ replaces: this.#options.store.number });
  }

  /** The next entries of the new store; none where it has all of them. */
  next(): Change[] {
    const rows = this.#rows.behind(this.#last, rowsAtOnce, bytesAtOnce);
    this.#last = rows.at(-1) ?? this.#last;
    this.#entries += rows.length;
    const { file, number, store } = this.#options;
    const take = file.database.transaction(() => rows.map((row) => this.#migration.take(row)));
    return take().map(({ value, ...place }) => ({
      key: entryKey(store.declared.kind, { store: number, ...place }),
      value,
    }));
  }

  finish(): Change[] {
    const { number } = this.#options.store;
    return [{ key: storeKey(number), value: null }, this.#declaration({})];
  }

  #declaration(of: Pick<StoreRecord, 'replaces'>): Change {
    const { number, store } = this.#options;
    return {
      key: storeKey(number),
      value: encodeStoreRecord({ ...recordOf(store.declared), ...of }),
    };
  }
}
