/**
 * The fold of one task's changelog in SQLite, for fast restarts and for reading with any SQLite
 * tool:
 *
 *   meta     key, value                             format, directory, task, ...
 *   stores   number, name, kind, key_codec, ...     what the entries below belong to
 *   entries  store, key_group, key, value           keyed stores
 *   timed    store, time, key_group, key, value     windows (time: their last ms) and timers
 *
 * Keys and values are TEXT where their codec writes text (JSON, strings), else BLOB. Rows lie in
 * the order in which operators walk over them.
 *
 * Invariants: it holds exactly the changelog before `folded_offset`; only committed changes are
 * ever folded; who folds has the newest incarnation that opened the file, so a zombie's fold
 * changes nothing.
 */
import type Database from 'better-sqlite3';
import { MillraceError } from '../platform/index.ts';
import { type Change, decodeStoreRecord, parseChangeKey, type StoreRecord } from './change.ts';
import { groupOf, keyBytesOf, stateKeyOf } from './key.ts';
import type { StateKey } from './stores.ts';

const formatVersion = 1;

/** SQLite moves the write-ahead log into the tables after this many pages, in portions of 1 MiB. */
const checkpointPages = 256;

/** What a state file belongs to. */
export interface StateFileIdentity {
  readonly directoryId: string;
  readonly task: string;
}

/** Which part of the changelog a fold covers: `[from, through)`. */
export interface FoldRange {
  readonly from: number;
  readonly through: number;
  readonly incarnation: number;
}

type LoadEntry = (time: number, key: StateKey, value: Uint8Array) => void;

export class StateFile {
  readonly #database: Database.Database;
  readonly #path: string;

  /** Fails with `FILE_MISMATCH` for another task's file, `DIRECTORY` for a newer format. */
  constructor(database: Database.Database, path: string, identity: StateFileIdentity) {
    this.#database = database;
    this.#path = path;
    createTables(database);
    database.pragma(`wal_autocheckpoint = ${checkpointPages}`);
    this.#checkIdentity(identity);
  }

  /** The changelog offset up to which everything is folded. */
  get foldedOffset(): number {
    return Number(this.#meta('folded_offset') ?? 0);
  }

  /** No entry is newer than this changelog offset: beyond `foldedOffset` during a fold. */
  get foldingThrough(): number {
    return Number(this.#meta('folding_through') ?? 0);
  }

  /**
   * Makes this incarnation the only one that may fold. `FENCED` where a newer one has opened the
   * file.
   */
  claim(incarnation: number): void {
    this.#database.transaction(() => {
      this.#requireNotFenced(incarnation);
      this.#setMeta('incarnation', incarnation);
    })();
  }

  /** The stores by their numbers. */
  stores(): Map<number, StoreRecord> {
    const rows = this.#database.prepare('SELECT * FROM stores').all() as StoreRow[]; // as written
    return new Map(rows.map((row) => [row.number, recordOf(row)]));
  }

  /**
   * Hands on the entries of a store, in order. Where state is to be read lazily, this is what a
   * lookup replaces.
   */
  load(store: number, record: StoreRecord, onEntry: LoadEntry): void {
    const table = record.kind === 'keyed' ? '0 AS time, * FROM entries' : '* FROM timed';
    const rows = this.#database.prepare(`SELECT ${table} WHERE store = ?`).iterate(store);
    for (const row of rows as IterableIterator<EntryRow>) {
      const key = stateKeyOf(row.key_group, toBytes(row.key));
      onEntry(row.time, key, toBytes(row.value));
    }
  }

  /**
   * Folds committed changes in slices of about `sliceBytes`, each a durable transaction; the caller
   * may pause between two. The last one moves the folded offset. Until then some entries are newer
   * than that offset says, which recovery mends: it applies the changelog from there again, and the
   * last value of each entry is the same.
   *
   * A range that does not begin where the last one ended is refused (`FILE_MISMATCH`), and so is a
   * zombie (`FENCED`).
   */
  *foldInSlices(
    changes: Iterable<Change>,
    range: FoldRange,
    sliceBytes: number,
  ): Generator<void, void, void> {
    const latest = latestOf(changes);
    for (let first = 0; ; yield) {
      const next = endOfSlice(latest, first, sliceBytes);
      this.#database.transaction(() => {
        this.#requireNext(range);
        this.#write(latest.slice(first, next));
        this.#setMeta('folding_through', Math.max(range.through, this.foldingThrough));
        if (next >= latest.length) this.#setMeta('folded_offset', range.through);
      })();
      if (next >= latest.length) return;
      first = next;
    }
  }

  close(): void {
    this.#database.close();
  }

  #requireNext(range: FoldRange): void {
    this.#requireNotFenced(range.incarnation);
    if (range.from === this.foldedOffset) return;
    throw new MillraceError(
      'FILE_MISMATCH',
      `${this.#path} is folded to changelog offset ${this.foldedOffset}, but the fold ` +
        `begins at ${range.from}: the file was replaced.`,
    );
  }

  #write(changes: readonly Change[]): void {
    const stores = this.stores();
    const write = this.#writers();
    for (const change of changes) {
      const parsed = parseChangeKey(change.key);
      if (parsed.kind === 'declared') this.#declare(stores, parsed.store, change.value);
      else write(change, stores);
    }
  }

  #declare(stores: Map<number, StoreRecord>, number: number, value: Uint8Array | null): void {
    if (value === null) return;
    const record = decodeStoreRecord(value);
    stores.set(number, record);
    const { name, kind, keyCodec, keyText, valueCodec, valueText, shape } = record;
    this.#database
      .prepare('INSERT OR REPLACE INTO stores VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      .run(number, name, kind, keyCodec, keyText ? 1 : 0, valueCodec, valueText ? 1 : 0, shape);
  }

  #writers(): (change: Change, stores: Map<number, StoreRecord>) => void {
    const prepare = (sql: string) => this.#database.prepare(sql);
    const putKeyed = prepare('INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)');
    const deleteKeyed = prepare(
      'DELETE FROM entries WHERE store = ? AND key_group = ? AND key = ?',
    );
    const putTimed = prepare('INSERT OR REPLACE INTO timed VALUES (?, ?, ?, ?, ?)');
    const deleteTimed = prepare(
      'DELETE FROM timed WHERE store = ? AND time = ? AND key_group = ? AND key = ?',
    );
    return (change, stores) => {
      const parsed = parseChangeKey(change.key);
      if (parsed.kind === 'declared') return;
      const record = stores.get(parsed.store);
      if (record === undefined) throw this.#undeclared(parsed.store);
      const key = toColumn(keyBytesOf(parsed.key), record.keyText);
      const group = groupOf(parsed.key);
      const value = change.value === null ? null : toColumn(change.value, record.valueText);
      if (parsed.kind === 'keyed') {
        if (value === null) deleteKeyed.run(parsed.store, group, key);
        else putKeyed.run(parsed.store, group, key, value);
      } else if (value === null) {
        deleteTimed.run(parsed.store, parsed.time, group, key);
      } else {
        putTimed.run(parsed.store, parsed.time, group, key, value);
      }
    };
  }

  #undeclared(store: number): MillraceError {
    return new MillraceError(
      'DAMAGED',
      `${this.#path} does not know store ${store}, which the changelog writes to.`,
    );
  }

  #requireNotFenced(incarnation: number): void {
    const recorded = Number(this.#meta('incarnation') ?? 0);
    if (incarnation >= recorded) return;
    throw new MillraceError(
      'FENCED',
      `${this.#path} was opened by incarnation ${recorded} of its task; incarnation ` +
        `${incarnation} may not change it.`,
    );
  }

  #checkIdentity(identity: StateFileIdentity): void {
    this.#database.transaction(() => {
      const format = this.#meta('format');
      if (format === undefined) {
        this.#setMeta('format', formatVersion);
        this.#setMeta('directory', identity.directoryId);
        this.#setMeta('task', identity.task);
        return;
      }
      if (Number(format) > formatVersion) {
        throw new MillraceError(
          'DIRECTORY',
          `${this.#path} has format ${format}, which this version of Millrace does not know ` +
            `(it knows ${formatVersion}). Use the newer Millrace that wrote it.`,
        );
      }
      const [directory, task] = [this.#meta('directory'), this.#meta('task')];
      if (directory === identity.directoryId && task === identity.task) return;
      throw new MillraceError(
        'FILE_MISMATCH',
        `${this.#path} holds the state of task "${task}" of directory ${directory}, not of ` +
          `"${identity.task}" of ` +
          `${identity.directoryId}. Put the right file back, or restore the whole directory ` +
          `from a backup.`,
      );
    })();
  }

  #meta(key: string): string | undefined {
    const value = this.#database.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key);
    return value === undefined ? undefined : String(value);
  }

  #setMeta(key: string, value: string | number): void {
    this.#database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(key, String(value));
  }
}

/** The last change of each entry; declarations first, then in the order of the tables. */
function latestOf(changes: Iterable<Change>): Change[] {
  const latest = new Map<string, Change>();
  for (const change of changes) latest.set(Buffer.from(change.key).toString('latin1'), change);
  return [...latest.keys()].sort().map((key) => latest.get(key) as Change); // a key of the map
}

function endOfSlice(changes: readonly Change[], first: number, sliceBytes: number): number {
  let bytes = 0;
  let end = first;
  while (end < changes.length && bytes < sliceBytes) {
    const change = changes[end++];
    bytes += (change?.key.length ?? 0) + (change?.value?.length ?? 0);
  }
  return end;
}

interface StoreRow {
  readonly number: number;
  readonly name: string;
  readonly kind: 'keyed' | 'timed';
  readonly key_codec: string;
  readonly key_text: number;
  readonly value_codec: string;
  readonly value_text: number;
  readonly shape: string;
}

interface EntryRow {
  readonly time: number;
  readonly key_group: number;
  readonly key: string | Buffer;
  readonly value: string | Buffer;
}

function recordOf(row: StoreRow): StoreRecord {
  return {
    name: row.name,
    kind: row.kind,
    keyCodec: row.key_codec,
    keyText: row.key_text === 1,
    valueCodec: row.value_codec,
    valueText: row.value_text === 1,
    shape: row.shape,
  };
}

function toColumn(bytes: Uint8Array, text: boolean): string | Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return text ? buffer.toString('utf8') : buffer;
}

function toBytes(column: string | Buffer): Uint8Array {
  return typeof column === 'string' ? Buffer.from(column) : column;
}

function createTables(database: Database.Database): void {
  database.exec(`
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS stores (
      number INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, key_codec TEXT NOT NULL,
      key_text INTEGER NOT NULL, value_codec TEXT NOT NULL, value_text INTEGER NOT NULL,
      shape TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS entries (
      store INTEGER NOT NULL, key_group INTEGER NOT NULL, key NOT NULL, value NOT NULL,
      PRIMARY KEY (store, key_group, key)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS timed (
      store INTEGER NOT NULL, time INTEGER NOT NULL, key_group INTEGER NOT NULL,
      key NOT NULL, value NOT NULL,
      PRIMARY KEY (store, time, key_group, key)) WITHOUT ROWID;
  `);
}
