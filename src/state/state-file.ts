/**
 * The fold of one task's changelog in SQLite: what is not in memory is read from it, and any SQLite
 * tool can read it.
 *
 *   meta     key, value                                     format, directory, task, ...
 *   stores   number, name, kind, key_codec, ...             what the entries below belong to
 *   entries  store, time, key_group, key, item, value       see `stores.ts`
 *
 * Keys, items and values are TEXT where their codec writes text (JSON, strings), else BLOB; the
 * item of a list is the INTEGER place. Rows lie in the order in which operators walk over them.
 *
 * Invariants: it holds exactly the changelog before `folded_offset`; only committed changes are
 * ever folded; who folds has the newest incarnation that opened the file, so a zombie's fold
 * changes nothing.
 */
import type Database from 'better-sqlite3';
import { MillraceError } from '../platform/index.ts';
import type { StoreRecord } from './change.ts';
import { StoreRows } from './store-rows.ts';

const formatVersion = 2;

/** SQLite moves the write-ahead log into the tables after this many pages, in portions of 1 MiB. */
const checkpointPages = 256;

/** What is kept of the write-ahead log's file when it begins anew, however long it was. */
const walKeptBytes = 64 * 1024 * 1024;

/** In the write-ahead log, in front of each page. */
const frameHeaderBytes = 24;

/** What a state file belongs to. */
export interface StateFileIdentity {
  readonly directoryId: string;
  readonly task: string;
}

export class StateFile {
  readonly database: Database.Database;
  readonly path: string;
  readonly #pageBytes: number;

  /** Fails with `FILE_MISMATCH` for another task's file, `DIRECTORY` for another format. */
  constructor(database: Database.Database, path: string, identity: StateFileIdentity) {
    this.database = database;
    this.path = path;
    createTables(database);
    database.pragma(`wal_autocheckpoint = ${checkpointPages}`);
    database.pragma(`journal_size_limit = ${walKeptBytes}`);
    this.#pageBytes = this.#pragma('page_size');
    this.#checkIdentity(identity);
  }

  /** The changelog offset up to which everything is folded. */
  get foldedOffset(): number {
    return Number(this.meta('folded_offset') ?? 0);
  }

  /** No entry is newer than this changelog offset: beyond `foldedOffset` during a fold. */
  get foldingThrough(): number {
    return Number(this.meta('folding_through') ?? 0);
  }

  /** The highest number that a store has ever had; numbers are not used again. */
  get lastStore(): number {
    return Number(this.meta('last_store') ?? 0);
  }

  /**
   * Makes this incarnation the only one that may fold. `FENCED` where a newer one has opened the
   * file.
   */
  claim(incarnation: number): void {
    this.database.transaction(() => {
      this.requireNotFenced(incarnation);
      this.setMeta('incarnation', incarnation);
    })();
  }

  /** The stores by their numbers. */
  stores(): Map<number, StoreRecord> {
    return storesIn(this.database);
  }

  /** Of the tables, in bytes, with pages that are free. */
  get bytes(): number {
    return this.#pragma('page_count') * this.#pageBytes;
  }

  /** What of the write-ahead log is in use, in bytes. */
  get walBytes(): number {
    return this.#checkpoint('NOOP').log * (this.#pageBytes + frameHeaderBytes);
  }

  /**
   * Moves the write-ahead log into the tables and empties it; false where a transaction of another
   * connection is in the way.
   */
  emptyWal(): boolean {
    return this.#checkpoint('TRUNCATE').busy === 0;
  }

  /**
   * From now on nothing waits where another connection is in the way: SQLite would wait asleep, and
   * all of the thread with it.
   */
  neverWait(): void {
    this.database.pragma('busy_timeout = 0');
  }

  /** The rows of one store. */
  rowsOf(store: number, record: StoreRecord): StoreRows {
    return new StoreRows(this.database, this.path, store, record);
  }

  requireNotFenced(incarnation: number): void {
    const recorded = Number(this.meta('incarnation') ?? 0);
    if (incarnation >= recorded) return;
    throw new MillraceError(
      'FENCED',
      `${this.path} was opened by incarnation ${recorded} of its task; incarnation ` +
        `${incarnation} may not change it. If nobody else runs the task, the log is from an ` +
        'older copy: restore the whole directory from one backup, or compute the state anew from ' +
        'this log (--rebuild-state).',
    );
  }

  meta(key: string): string | undefined {
    return metaIn(this.database, key);
  }

  setMeta(key: string, value: string | number): void {
    this.database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(key, String(value));
  }

  close(): void {
    this.database.close();
  }

  #pragma(name: string): number {
    return Number(this.database.pragma(name, { simple: true }));
  }

  #checkpoint(mode: 'NOOP' | 'TRUNCATE'): CheckpointRow {
    const [row] = this.database.pragma(`wal_checkpoint(${mode})`) as [CheckpointRow]; // one row
    return row;
  }

  #checkIdentity(identity: StateFileIdentity): void {
    this.database.transaction(() => {
      if (requireIdentity(this.database, this.path, identity)) return;
      this.setMeta('format', formatVersion);
      this.setMeta('directory', identity.directoryId);
      this.setMeta('task', identity.task);
    })();
  }
}

/** What SQLite says about a checkpoint: whether it was blocked, and pages in the log. */
interface CheckpointRow {
  readonly busy: number;
  readonly log: number;
}

/** What a state file holds, as one transaction sees it. */
export interface FoldedState {
  readonly foldedOffset: number;
  readonly foldingThrough: number;
  readonly stores: ReadonlyMap<number, StoreRecord>;
}

/**
 * Reads a state file without writing; undefined for one that is just being made. Fails as opening
 * it does.
 */
export function readFoldedState(
  database: Database.Database,
  path: string,
  identity: StateFileIdentity,
): FoldedState | undefined {
  const isMade = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'entries'").get();
  if (isMade === undefined || !requireIdentity(database, path, identity)) return undefined;
  const folded = Number(metaIn(database, 'folded_offset') ?? 0);
  const foldingThrough = Math.max(folded, Number(metaIn(database, 'folding_through') ?? 0));
  return { foldedOffset: folded, foldingThrough, stores: storesIn(database) };
}

function metaIn(database: Database.Database, key: string): string | undefined {
  const value = database.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key);
  return value === undefined ? undefined : String(value);
}

function storesIn(database: Database.Database): Map<number, StoreRecord> {
  const rows = database.prepare('SELECT * FROM stores').all() as StoreRow[]; // as written
  return new Map(rows.map((row) => [row.number, recordOf(row)]));
}

/** False for a file that has no identity yet. */
function requireIdentity(
  database: Database.Database,
  path: string,
  identity: StateFileIdentity,
): boolean {
  const format = metaIn(database, 'format');
  if (format === undefined) return false;
  if (Number(format) !== formatVersion) throw otherFormat(path, format);
  const [directory, task] = [metaIn(database, 'directory'), metaIn(database, 'task')];
  if (directory === identity.directoryId && task === identity.task) return true;
  throw new MillraceError(
    'FILE_MISMATCH',
    `${path} holds the state of task "${task}" of directory ${directory}, not of ` +
      `"${identity.task}" of ${identity.directoryId}. Put the right file back, restore the whole ` +
      'directory from a backup, or compute the state anew from the log (--rebuild-state).',
  );
}

function otherFormat(path: string, format: string): MillraceError {
  const newer = Number(format) > formatVersion;
  return new MillraceError(
    'DIRECTORY',
    `${path} has format ${format}, which this version of Millrace does not know ` +
      `(it knows ${formatVersion}). Use the ${newer ? 'newer' : 'older'} Millrace that wrote it. ` +
      'Or compute the state anew from the log (--rebuild-state).',
  );
}

interface StoreRow {
  readonly number: number;
  readonly name: string;
  readonly kind: StoreRecord['kind'];
  readonly key_codec: string;
  readonly key_text: number;
  readonly item_codec: string;
  readonly item_text: number;
  readonly value_codec: string;
  readonly value_text: number;
  readonly shape: string;
  readonly version: number;
  readonly key_version: number;
  readonly item_version: number;
  readonly replaces: number | null;
}

function recordOf(row: StoreRow): StoreRecord {
  return {
    name: row.name,
    kind: row.kind,
    keyCodec: row.key_codec,
    keyText: row.key_text === 1,
    itemCodec: row.item_codec,
    itemText: row.item_text === 1,
    valueCodec: row.value_codec,
    valueText: row.value_text === 1,
    shape: row.shape,
    version: row.version,
    keyVersion: row.key_version,
    itemVersion: row.item_version,
    ...(row.replaces === null ? {} : { replaces: row.replaces }),
  };
}

/** The tables of a state file that are not there yet. */
export function createTables(database: Database.Database): void {
  database.exec(`
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS stores (
      number INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL,
      key_codec TEXT NOT NULL, key_text INTEGER NOT NULL,
      item_codec TEXT NOT NULL, item_text INTEGER NOT NULL,
      value_codec TEXT NOT NULL, value_text INTEGER NOT NULL,
      shape TEXT NOT NULL, version INTEGER NOT NULL,
      key_version INTEGER NOT NULL, item_version INTEGER NOT NULL,
      replaces INTEGER);
    CREATE TABLE IF NOT EXISTS entries (
      store INTEGER NOT NULL, time INTEGER NOT NULL, key_group INTEGER NOT NULL,
      key NOT NULL, item NOT NULL, value NOT NULL,
      PRIMARY KEY (store, time, key_group, key, item)) WITHOUT ROWID;
  `);
}
