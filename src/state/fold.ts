/**
 * Folding: committed changes are written into the tables, in their order, in slices.
 *
 * Each slice is a durable transaction of about `sliceBytes`, and the caller may pause between two.
 * The last one moves the folded offset. Until then some entries are newer than that offset says,
 * which recovery mends: it applies the changelog from there again, and the last value of each entry
 * is the same.
 */
import type Database from 'better-sqlite3';
import { MillraceError, sqliteCodeOf } from '../platform/index.ts';
import {
  allKey,
  type Change,
  decodeStoreRecord,
  type EntryAddress,
  kindOf,
  parseChangeKey,
  type StoreRecord,
} from './change.ts';
import { groupOf, keyBytesOf, toColumn } from './key.ts';
import { LatestChanges } from './latest-changes.ts';
import type { StateFile } from './state-file.ts';
import { itemColumn } from './store-rows.ts';
import type { StateKey } from './stores.ts';

/** Which part of the changelog a fold covers: `[from, through)`. */
export interface FoldRange {
  readonly from: number;
  readonly through: number;
  readonly incarnation: number;
}

/** A slice was written, or another connection has the write lock: nothing was, and it goes on. */
export type FoldStep = 'written' | 'locked';

/**
 * Folds `changes` into `file`. A range that does not begin where the last one ended is refused
 * (`FILE_MISMATCH`), and so is a zombie (`FENCED`).
 */
export function* foldInSlices(
  file: StateFile,
  changes: Iterable<Change>,
  range: FoldRange,
  sliceBytes: number,
): Generator<FoldStep, void, void> {
  const writer = new TableWriter(file);
  const steps = stepsOf(changes, writer);
  for (let done = false; !done; ) {
    let hasLock = false;
    const slice = file.database.transaction(() => {
      hasLock = true;
      requireNext(file, range);
      for (let bytes = 0; bytes < sliceBytes && !done; ) {
        const step = steps.next();
        done = step.done === true;
        bytes += step.value ?? 0;
      }
      file.setMeta('folding_through', Math.max(range.through, file.foldingThrough));
      if (done) file.setMeta('folded_offset', range.through);
    });
    try {
      slice.immediate(); // the lock first, so that none of the steps is lost
    } catch (error) {
      if (hasLock || sqliteCodeOf(error)?.startsWith('SQLITE_BUSY') !== true) throw error;
    }
    if (!done) yield hasLock ? 'written' : 'locked';
  }
}

function requireNext(file: StateFile, range: FoldRange): void {
  file.requireNotFenced(range.incarnation);
  if (range.from === file.foldedOffset) return;
  throw new MillraceError(
    'FILE_MISMATCH',
    `${file.path} is folded to changelog offset ${file.foldedOffset}, but the fold ` +
      `begins at ${range.from}: the file was replaced.`,
  );
}

/** Changes by what they mean: the last one of each. */
interface Sorted {
  readonly stores: Map<number, Uint8Array | null>;
  /** All elements of a key removed, and when that came. */
  readonly cleared: Map<string, Cleared>;
  readonly entries: LatestChanges;
}

interface Cleared {
  readonly store: number;
  readonly key: StateKey;
  readonly arrived: number;
}

/**
 * Stores first, then what deletes many entries, then the entries in the order of the tables: what
 * came before a deletion of many is left out. Each step gives the bytes it wrote.
 */
function* stepsOf(changes: Iterable<Change>, writer: TableWriter): Generator<number, void, void> {
  const { stores, cleared, entries } = sortOut(changes);
  for (const [store, value] of stores) {
    if (value !== null) writer.declare(store, decodeStoreRecord(value));
    else yield* writer.drop(store);
  }
  for (const { store, key } of cleared.values()) {
    if (stores.get(store) !== null) yield* writer.clear(store, key);
  }
  for (const { key, value, arrived } of entries) {
    const address = parseChangeKey(key) as EntryAddress; // only entries are in it
    if (stores.get(address.store) === null || arrived < clearedAt(cleared, address)) continue;
    writer.write(address, value);
    yield key.length + (value?.length ?? 0);
  }
}

function sortOut(changes: Iterable<Change>): Sorted {
  const sorted: Sorted = { stores: new Map(), cleared: new Map(), entries: new LatestChanges() };
  let arrived = 0;
  for (const change of changes) {
    const kind = kindOf(change.key);
    if (kind === 'entry') {
      sorted.entries.add(change, arrived);
    } else {
      const of = parseChangeKey(change.key);
      if (of.kind === 'store') sorted.stores.set(of.store, change.value);
      else if (of.kind === 'all') sorted.cleared.set(nameOf(change.key), { ...of, arrived });
    }
    arrived++;
  }
  return sorted;
}

function clearedAt(cleared: Sorted['cleared'], { store, key }: EntryAddress): number {
  return cleared.size === 0 ? -1 : (cleared.get(nameOf(allKey(store, key)))?.arrived ?? -1);
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}

/** Rows that one statement deletes where many are to go. */
const rowsAtOnce = 1000;

/** About what deleting a row writes, in bytes. */
const deletedRowBytes = 100;

class TableWriter {
  readonly #file: StateFile;
  readonly #stores: Map<number, StoreRecord>;
  readonly #put: Database.Statement;
  readonly #delete: Database.Statement;

  constructor(file: StateFile) {
    this.#file = file;
    this.#stores = file.stores();
    this.#put = file.database.prepare('INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?)');
    this.#delete = file.database.prepare(
      'DELETE FROM entries ' +
        'WHERE store = ? AND time = ? AND key_group = ? AND key = ? AND item = ?',
    );
  }

  declare(number: number, record: StoreRecord): void {
    this.#stores.set(number, record);
    declareStore(this.#file, number, record);
  }

  *drop(store: number): Generator<number, void, void> {
    yield* this.#deleteMany('store = ?', [store]);
    this.#file.database.prepare('DELETE FROM stores WHERE number = ?').run(store);
  }

  *clear(store: number, key: StateKey): Generator<number, void, void> {
    const where = 'store = ? AND time = 0 AND key_group = ? AND key = ?';
    const column = toColumn(keyBytesOf(key), this.#recordOf(store).keyText);
    yield* this.#deleteMany(where, [store, groupOf(key), column]);
  }

  write({ store, time, key, item }: EntryAddress, value: Uint8Array | null): void {
    const record = this.#recordOf(store);
    const keyColumn = toColumn(keyBytesOf(key), record.keyText);
    const at = [store, time, groupOf(key), keyColumn, itemColumn(item, record)];
    if (value === null) this.#delete.run(...at);
    else this.#put.run(...at, toColumn(value, record.valueText));
  }

  *#deleteMany(where: string, of: readonly unknown[]): Generator<number, void, void> {
    const columns = 'store, time, key_group, key, item';
    const statement = this.#file.database.prepare(
      `DELETE FROM entries WHERE (${columns}) IN ` +
        `(SELECT ${columns} FROM entries WHERE ${where} LIMIT ${rowsAtOnce})`,
    );
    for (;;) {
      const { changes } = statement.run(...of);
      if (changes === 0) return;
      yield changes * deletedRowBytes;
    }
  }

  #recordOf(store: number): StoreRecord {
    const record = this.#stores.get(store);
    if (record !== undefined) return record;
    throw new MillraceError(
      'DAMAGED',
      `${this.#file.path} does not know store ${store}, which the changelog writes to.`,
    );
  }
}

/** Notes a store in the tables. */
export function declareStore(file: StateFile, number: number, record: StoreRecord): void {
  const { name, kind, keyCodec, keyText, itemCodec, itemText } = record;
  const { valueCodec, valueText, shape, version, keyVersion, itemVersion } = record;
  const { replaces = null } = record;
  const flags = [keyText, itemText, valueText].map((text) => (text ? 1 : 0));
  file.database
    .prepare('INSERT OR REPLACE INTO stores VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
    .run(
      ...[number, name, kind, keyCodec, flags[0], itemCodec, flags[1], valueCodec, flags[2]],
      ...[shape, version, keyVersion, itemVersion, replaces],
    );
  file.setMeta('last_store', Math.max(number, file.lastStore));
}
