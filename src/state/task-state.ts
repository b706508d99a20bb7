/**
 * The state of one task: its stores, what changed since the last checkpoint, and how it comes back.
 *
 *   state file (folded)  +  changelog from the folded offset on  =  the state as of the last commit
 *
 * Recovery refuses what does not fit together instead of beginning with less: a state file that is
 * ahead of the changelog or behind its start, a store that the job no longer declares, or declares
 * with another shape.
 */
import { assert, MillraceError } from '../platform/index.ts';
import {
  type Change,
  type ChangeWriter,
  decodeStoreRecord,
  encodeStoreRecord,
  isOfStore,
  parseChangeKey,
  type StoreRecord,
  storeKey,
  storesMax,
} from './change.ts';
import type { TaskStore } from './entries.ts';
import { MemoryListStore, MemoryMapStore } from './item-stores.ts';
import { Residency } from './residency.ts';
import type { StateFile } from './state-file.ts';
import { Declarations, requireFit } from './store-fit.ts';
import { type DeclaredStore, declaredStore, placesOfList, recordOf } from './store-record.ts';
import type { StoreRows } from './store-rows.ts';
import type {
  ListStore,
  MapDeclaration,
  MapStore,
  StoreDeclaration,
  StoreRegistry,
  TimedStore,
  ValueStore,
} from './stores.ts';
import { MemoryTimedStore } from './timed-store.ts';
import type { UndoJournal } from './undo-journal.ts';
import { MemoryValueStore } from './value-store.ts';

/** The changelog of a task, as far as it is committed. */
export interface ChangelogReader {
  /** Names it in errors. */
  readonly name: string;
  /** The first offset that is still there. */
  readonly start: number;
  readonly end: number;
  /** The changes from `offset` on, in order; those whose keys, at `start`, are wanted. */
  read(offset: number, isWanted?: KeyTest): Iterable<Change>;
}

export type KeyTest = (bytes: Uint8Array, start: number) => boolean;

export interface TaskStateOptions {
  /** Undefined: nothing is folded, and the changelog holds everything. */
  readonly file: StateFile | undefined;
  /** Names the file in errors. */
  readonly filePath: string;
  readonly changelog: ChangelogReader;
  /** What entries in memory may take, in bytes; without a file there is no limit. */
  readonly memoryBytesMax: number;
  /** Rows that are read at once where many are wanted. Default 256; smaller in tests. */
  readonly rowsAtOnce?: number;
}

export class TaskState implements StoreRegistry {
  readonly declarations: Declarations = new Declarations();
  /** What migrations have left that were not finished: the next checkpoint drops it. */
  readonly unfinished: readonly number[];
  readonly #file: StateFile | undefined;
  readonly #residency: Residency;
  readonly #changelog: ChangelogReader;
  /** Where the changelog goes on that is not folded. */
  readonly #from: number;
  /** By number: what was recorded when the task was opened, and what was declared since. */
  readonly #records: Map<number, StoreRecord>;
  readonly #recorded: ReadonlyMap<number, StoreRecord>;
  readonly #stores = new Map<number, TaskStore>();
  readonly #inOrder: TaskStore[] = [];
  #lastStore: number;
  #newDeclarations: number[] = [];
  readonly #dropped: number[] = [];
  readonly #onRecovered: (() => void)[] = [];

  constructor(options: TaskStateOptions) {
    const { file, changelog, memoryBytesMax, rowsAtOnce = 256 } = options;
    const from = file?.foldedOffset ?? 0;
    checkFolded(options, from, file?.foldingThrough ?? 0);
    this.#file = file;
    this.#records = file?.stores() ?? new Map();
    this.#lastStore = file?.lastStore ?? 0;
    this.#changelog = changelog;
    this.#from = from;
    for (const change of changelog.read(from, isOfStore)) this.#remember(change);
    this.unfinished = [...this.#records.keys()].filter(
      (number) => this.#records.get(number)?.replaces !== undefined,
    );
    for (const number of this.unfinished) this.#records.delete(number);
    this.#dropped.push(...this.unfinished);
    this.#recorded = new Map(this.#records);
    const bytesMax = file === undefined ? Number.POSITIVE_INFINITY : memoryBytesMax;
    const recoveredEnd = changelog.end;
    this.#residency = new Residency({ bytesMax, rowsAtOnce, recoveredEnd });
    this.#residency.foldedTo(from);
  }

  value<Value>(declaration: StoreDeclaration<Value>): ValueStore<Value> {
    const declared = declaredStore('value', declaration);
    return this.#declare(declared, (number, rows) => {
      const { name, value, changedInPlace = false } = declaration;
      const store = new MemoryValueStore(number, name, value, this.#residency, rows);
      if (changedInPlace) store.expectChangesInPlace();
      return store;
    });
  }

  timed<Value>(declaration: StoreDeclaration<Value>): TimedStore<Value> {
    const declared = declaredStore('timed', declaration);
    return this.#declare(declared, (number, rows) => {
      const { name, value, changedInPlace = false } = declaration;
      const store = new MemoryTimedStore(number, name, value, this.#residency, rows);
      if (changedInPlace) store.expectChangesInPlace();
      return store;
    });
  }

  list<Value>(declaration: StoreDeclaration<Value>): ListStore<Value> {
    const declared = declaredStore('list', declaration, placesOfList);
    return this.#declare(declared, (number, rows) => {
      const { name, value } = declaration;
      return new MemoryListStore(number, name, value, this.#residency, rows);
    });
  }

  map<Item, Value>(declaration: MapDeclaration<Item, Value>): MapStore<Item, Value> {
    const declared = declaredStore('map', declaration, declaration.item);
    return this.#declare(declared, (number, rows) => {
      const { name, item, value, changedInPlace = false } = declaration;
      const store = new MemoryMapStore(number, name, { item, value }, this.#residency, rows);
      if (changedInPlace) store.expectChangesInPlace();
      return store;
    });
  }

  drop(name: string): void {
    this.declarations.dropped.add(name);
    for (const [number, known] of this.#records) {
      if (known.name !== name) continue;
      assert(!this.#stores.has(number), `the store ${name} is not both declared and dropped`);
      this.#records.delete(number);
      this.#dropped.push(number);
    }
  }

  /** What was recorded when the task was opened, by number. */
  get recorded(): ReadonlyMap<number, StoreRecord> {
    return this.#recorded;
  }

  /** The highest number that a store has had, as far as file and changelog know. */
  get lastStore(): number {
    return this.#lastStore;
  }

  onRecovered(run: () => void): void {
    this.#onRecovered.push(run);
  }

  /**
   * Once everything is declared, and before anything is used: recovers what is not folded.
   * `STATE_MISMATCH` where the state on disk does not fit, saying each
   * difference.
   */
  finishDeclaring(job: string): void {
    const fit = this.declarations.fitOf(this.#recorded);
    requireFit(job, fit);
    assert(fit.outdated.length === 0, 'state is migrated before it is used');
    this.#recover();
    for (const run of this.#onRecovered) run();
  }

  /**
   * Hands on everything that changed since the last call, as changelog records; returns how many
   * there were.
   */
  takeChanges(write: ChangeWriter): number {
    let count = this.#newDeclarations.length + this.#dropped.length;
    for (const number of this.#dropped) write(storeKey(number), null);
    this.#dropped.length = 0;
    for (const number of this.#newDeclarations) {
      const record = this.#records.get(number);
      assert(record !== undefined, 'a declared store is recorded');
      write(storeKey(number), encodeStoreRecord(record));
    }
    this.#newDeclarations = [];
    const checkpoint = this.#residency.nextCheckpoint();
    this.#residency.changes = 0;
    for (const store of this.#inOrder) count += store.takeChanges(write, checkpoint);
    return count;
  }

  /** What one record changes, so that it can be undone. */
  get journal(): UndoJournal {
    return this.#residency.journal;
  }

  /** What was taken last is committed; it ends before offset `end` of the changelog. */
  committed(end: number): void {
    this.#residency.committed(end);
  }

  /** Everything before `offset` of the changelog is in the tables. */
  foldedTo(offset: number): void {
    this.#residency.foldedTo(offset);
  }

  /** Between two epochs, once what was taken is committed: makes room where memory is short. */
  tend(): void {
    this.#residency.tend();
  }

  /** Whether memory holds too much that is not folded, so that nothing may go. */
  get isFull(): boolean {
    return this.#residency.isFull;
  }

  /** Names of the stores that were not recorded when the state was opened. */
  get newStores(): readonly string[] {
    const added = [...this.#stores.keys()].filter((number) => !this.#recorded.has(number));
    return added.map((number) => this.#records.get(number)?.name ?? '');
  }

  /** Entries that changed since the last call of `takeChanges`. */
  get changes(): number {
    return this.#residency.changes;
  }

  /** Entries of all stores that are in memory. */
  get size(): number {
    let size = 0;
    for (const store of this.#inOrder) size += store.size;
    return size;
  }

  /** About what they take, in bytes. */
  get bytes(): number {
    return this.#residency.bytes;
  }

  #remember({ key, value }: Change): void {
    const { store } = parseChangeKey(key);
    this.#lastStore = Math.max(this.#lastStore, store);
    if (value === null) this.#records.delete(store);
    else this.#records.set(store, decodeStoreRecord(value));
  }

  /** What is not folded goes to the stores; what was dropped since belongs to none. */
  #recover(): void {
    for (const { key, value } of this.#changelog.read(this.#from)) {
      if (isOfStore(key, 0)) continue;
      const of = parseChangeKey(key);
      const store = this.#stores.get(of.store);
      if (of.kind === 'all') store?.recoverAll(of.key);
      if (of.kind === 'entry') store?.recover(of.time, of.key, of.item, value ?? undefined);
    }
  }

  #declare<Store extends TaskStore>(
    declared: DeclaredStore,
    make: (number: number, rows: StoreRows | undefined) => Store,
  ): Store {
    const record = recordOf(declared);
    const number = this.#numberOf(record);
    const store = make(number, this.#file?.rowsOf(number, record));
    this.declarations.stores.push(declared);
    this.#stores.set(number, store);
    this.#inOrder.push(store);
    return store;
  }

  #numberOf(record: StoreRecord): number {
    for (const [number, known] of this.#records) {
      if (known.name !== record.name) continue;
      assert(!this.#stores.has(number), `the store ${record.name} is declared once`);
      return number;
    }
    const number = this.#lastStore + 1;
    assert(number <= storesMax, 'a task has fewer stores than their numbers allow');
    this.#lastStore = number;
    this.#records.set(number, record);
    this.#newDeclarations.push(number);
    return number;
  }
}

/** Fails with `FILE_MISMATCH` where a file that is folded so far does not fit the changelog. */
export function checkFolded(
  { filePath, changelog }: Pick<TaskStateOptions, 'filePath' | 'changelog'>,
  folded: number,
  foldingThrough: number,
): void {
  const newest = Math.max(folded, foldingThrough);
  if (newest > changelog.end) {
    throw new MillraceError(
      'FILE_MISMATCH',
      `${filePath} is newer than the log: it holds the changelog ${changelog.name} up to ` +
        `offset ${newest}, but that ends at ${changelog.end}. The log is from an older copy. ` +
        'Restore the whole directory from one backup, or compute the state anew from this log ' +
        '(--rebuild-state).',
    );
  }
  if (folded < changelog.start) {
    throw new MillraceError(
      'FILE_MISMATCH',
      `${filePath} is missing or older than the log: it holds the changelog ${changelog.name} ` +
        `up to offset ${folded}, but what lies before offset ${changelog.start} was removed from ` +
        'the log, because it had been folded. Put the right file back, restore the whole ' +
        'directory from one backup, or compute the state anew from the log (--rebuild-state).',
    );
  }
}
