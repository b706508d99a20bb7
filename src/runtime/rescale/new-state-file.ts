/**
 * The state file of a task that is to be: written beside the others without syncs, and put in its
 * place once it is complete. It holds the first record of a changelog that has no other one, so
 * that a task whose file is missing later is refused.
 *
 *   <task>.db.rescaling-<n>   n is the incarnation of who makes it
 *   <task>.db                 complete
 */
import type Database from 'better-sqlite3';
import { assert, type Platform, withSqliteErrors } from '../../platform/index.ts';
import { declareStore, StateFile, type StoreRecord } from '../../state/index.ts';

/** As it lies in the tables, but for the number of its store. */
export type RawRow = readonly [time: bigint, group: bigint, key: Cell, item: Cell, value: Cell];
type Cell = string | Buffer | bigint;

/** How far its changelog is folded. */
export const foldedAtFirst = 1;

export class NewStateFile {
  readonly task: string;
  readonly #platform: Platform;
  readonly #path: string;
  readonly #place: string;
  readonly #file: StateFile;
  readonly #put: Database.Statement;
  readonly #get: Database.Statement;
  readonly #stores = new Map<string, number>();
  #isWriting = false;
  #isOpen = true;

  constructor(
    platform: Platform,
    place: { readonly directory: string; readonly directoryId: string; readonly task: string },
    incarnation: number,
  ) {
    const { directory, directoryId, task } = place;
    this.task = task;
    this.#platform = platform;
    this.#place = `${directory}/${task}.db`;
    this.#path = `${this.#place}${unfinished}${incarnation}`;
    const database = platform.openDatabase(this.#path, { durable: false });
    this.#file = new StateFile(database, this.#path, { directoryId, task });
    this.#put = database.prepare('INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?)');
    this.#get = database
      .prepare(
        'SELECT value FROM entries WHERE store = ? AND time = ? AND key_group = ? AND key = ? ' +
          'AND item = ?',
      )
      .pluck();
  }

  /** The number of a store, which is declared with the first call. */
  storeOf(record: StoreRecord): number {
    const known = this.#stores.get(record.name);
    if (known !== undefined) return known;
    const number = this.#stores.size + 1;
    this.#stores.set(record.name, number);
    this.#write(() => declareStore(this.#file, number, record));
    return number;
  }

  put(store: number, row: RawRow): void {
    this.#write(() => this.#put.run(store, ...row));
  }

  /** What the entry of a row has now. */
  valueAt(store: number, [time, group, key, item]: RawRow): string | Buffer | undefined {
    return this.#get.get(store, time, group, key, item) as string | Buffer | undefined; // as put
  }

  /** Ends a portion. */
  flush(): void {
    if (!this.#isWriting) return;
    this.#isWriting = false;
    withSqliteErrors(this.#path, () => this.#file.database.exec('COMMIT'));
  }

  /** All is there: makes it durable. */
  complete(): void {
    this.#write(() => {
      this.#file.setMeta('folded_offset', foldedAtFirst);
      this.#file.setMeta('folding_through', foldedAtFirst);
    });
    this.flush();
    assert(this.#file.emptyWal(), 'nobody else has the new state file open');
    this.close();
    const file = this.#platform.files.open(this.#path, 'write');
    file.sync();
    file.close();
  }

  /** Synchronous, so that it can be done while nobody else makes such a file. */
  putInPlace(): void {
    this.#platform.files.rename(this.#path, this.#place);
  }

  close(): void {
    if (this.#isOpen) this.#file.close();
    this.#isOpen = false;
  }

  /** Nothing is left of it, unless it is in its place. */
  discard(): void {
    this.close();
    for (const suffix of ['', '-wal', '-shm']) {
      const path = `${this.#path}${suffix}`;
      if (this.#platform.files.exists(path)) this.#platform.files.remove(path);
    }
  }

  #write(run: () => void): void {
    withSqliteErrors(this.#path, () => {
      if (!this.#isWriting) this.#file.database.exec('BEGIN');
      this.#isWriting = true;
      run();
    });
  }
}

/** In the names of files that are being made. */
export const unfinished = '.rescaling-';
