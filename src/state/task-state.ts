/**
 * The state of one task: its stores, what changed since the last checkpoint, and how it comes back.
 *
 *   state file (folded)  +  changelog from the folded offset on  =  the state as of the last commit
 *
 * Recovery refuses what does not fit together instead of beginning with less: a state file that is
 * ahead of the changelog or behind its start, a store that the job no longer declares, or declares
 * with another shape.
 */
import type { Codec } from '../formats/index.ts';
import { assert, MillraceError } from '../platform/index.ts';
import {
  type Change,
  declaredKey,
  decodeStoreRecord,
  encodeStoreRecord,
  parseChangeKey,
  type StoreRecord,
  storesMax,
} from './change.ts';
import {
  type ChangeWriter,
  MemoryKeyedStore,
  type MemoryStore,
  MemoryTimedStore,
} from './memory-stores.ts';
import type { StateFile } from './state-file.ts';
import type {
  KeyedStore,
  StateKey,
  StoreDeclaration,
  StoreRegistry,
  TimedStore,
} from './stores.ts';

/** The changelog of a task, as far as it is committed. */
export interface ChangelogReader {
  /** Names it in errors. */
  readonly name: string;
  /** The first offset that is still there. */
  readonly start: number;
  readonly end: number;
  /** The changes from `offset` on, in order. */
  read(offset: number): Iterable<Change>;
}

export interface TaskStateOptions {
  /** Undefined: nothing is folded, and the changelog holds everything. */
  readonly file: StateFile | undefined;
  /** Names the file in errors. */
  readonly filePath: string;
  readonly changelog: ChangelogReader;
}

/** An entry that is in the changelog and not folded yet. */
interface Unfolded {
  readonly time: number;
  readonly key: StateKey;
  readonly value: Uint8Array | null;
}

export class TaskState implements StoreRegistry {
  readonly #file: StateFile | undefined;
  /** By number: what was recorded when the task was opened, and what was declared since. */
  readonly #records: Map<number, StoreRecord>;
  readonly #recorded: ReadonlySet<number>;
  readonly #unfolded = new Map<number, Unfolded[]>();
  readonly #stores = new Map<number, MemoryStore>();
  #newDeclarations: number[] = [];
  #differences: string[] = [];

  constructor(options: TaskStateOptions) {
    const { file, changelog } = options;
    const from = file?.foldedOffset ?? 0;
    checkOffsets(options, from, file?.foldingThrough ?? 0);
    this.#file = file;
    this.#records = file?.stores() ?? new Map();
    for (const change of changelog.read(from)) this.#remember(change);
    this.#recorded = new Set(this.#records.keys());
  }

  keyed<Value>(declaration: Omit<StoreDeclaration<Value>, 'kind'>): KeyedStore<Value> {
    const number = this.#declare(recordOf(declaration, 'keyed'));
    const store = new MemoryKeyedStore(number, declaration.name, declaration.value);
    this.#load(number, store);
    return store;
  }

  timed<Value>(declaration: Omit<StoreDeclaration<Value>, 'kind'>): TimedStore<Value> {
    const number = this.#declare(recordOf(declaration, 'timed'));
    const store = new MemoryTimedStore(number, declaration.name, declaration.value);
    this.#load(number, store);
    return store;
  }

  /**
   * Once everything is declared: `STATE_MISMATCH` where the state on disk does not fit, saying each
   * difference.
   */
  finishDeclaring(job: string): void {
    const undeclared = [...this.#recorded].filter((number) => !this.#stores.has(number));
    const missing = undeclared.map((number) => {
      const record = this.#records.get(number);
      return `state "${record?.name}" is on disk, but no step of the job declares it`;
    });
    const differences = [...this.#differences, ...missing];
    if (differences.length === 0) return;
    throw new MillraceError(
      'STATE_MISMATCH',
      `The state of job "${job}" does not fit the job as it is now: ${differences.join('; ')}. ` +
        'Put the steps back as they were, or give the changed job another name, so that it ' +
        'begins with new state.',
    );
  }

  /**
   * Hands on everything that changed since the last call, as changelog records; returns how many
   * there were.
   */
  takeChanges(write: ChangeWriter): number {
    let count = this.#newDeclarations.length;
    for (const number of this.#newDeclarations) {
      const record = this.#records.get(number);
      assert(record !== undefined, 'a declared store is recorded');
      write(declaredKey(number), encodeStoreRecord(record));
    }
    this.#newDeclarations = [];
    for (const store of this.#stores.values()) count += store.takeChanges(write);
    return count;
  }

  /** Entries of all stores. */
  get size(): number {
    let size = 0;
    for (const store of this.#stores.values()) size += store.size;
    return size;
  }

  #remember(change: Change): void {
    const parsed = parseChangeKey(change.key);
    if (parsed.kind === 'declared') {
      if (change.value !== null) this.#records.set(parsed.store, decodeStoreRecord(change.value));
      return;
    }
    const unfolded = this.#unfolded.get(parsed.store) ?? [];
    unfolded.push({
      time: parsed.kind === 'timed' ? parsed.time : 0,
      key: parsed.key,
      value: change.value,
    });
    this.#unfolded.set(parsed.store, unfolded);
  }

  #declare(record: StoreRecord): number {
    for (const [number, known] of this.#records) {
      if (known.name !== record.name) continue;
      assert(!this.#stores.has(number), `the store ${record.name} is declared once`);
      this.#compare(known, record);
      return number;
    }
    const number = Math.max(0, ...this.#records.keys()) + 1;
    assert(number <= storesMax, 'a task has fewer stores than their numbers allow');
    this.#records.set(number, record);
    this.#newDeclarations.push(number);
    return number;
  }

  #compare(known: StoreRecord, declared: StoreRecord): void {
    for (const field of ['kind', 'keyCodec', 'valueCodec', 'shape'] as const) {
      if (known[field] === declared[field]) continue;
      this.#differences.push(
        `state "${known.name}" has the ${fieldNames[field]} ${known[field]} on disk and ` +
          `${declared[field]} in the job`,
      );
    }
  }

  /**
   * A store that does not fit stays empty: `finishDeclaring` refuses the job before anything uses
   * it.
   */
  #load(number: number, store: MemoryStore): void {
    this.#stores.set(number, store);
    const record = this.#records.get(number);
    if (this.#differences.length > 0 || record === undefined || !this.#recorded.has(number)) return;
    this.#file?.load(number, record, (time, key, value) => store.load(time, key, value));
    for (const { time, key, value } of this.#unfolded.get(number) ?? [])
      store.load(time, key, value);
    this.#unfolded.delete(number);
  }
}

const fieldNames = {
  kind: 'kind',
  keyCodec: 'key codec',
  valueCodec: 'value codec',
  shape: 'shape',
} as const;

function recordOf<Value>(
  declaration: Omit<StoreDeclaration<Value>, 'kind'>,
  kind: 'keyed' | 'timed',
): StoreRecord {
  const { name, keyCodec, value, shape = '' } = declaration;
  const { name: valueCodec, text: valueText }: Codec<Value> = value;
  return {
    name,
    kind,
    keyCodec: keyCodec.name,
    keyText: keyCodec.text,
    valueCodec,
    valueText,
    shape,
  };
}

function checkOffsets(
  { filePath, changelog }: TaskStateOptions,
  folded: number,
  foldingThrough: number,
): void {
  const newest = Math.max(folded, foldingThrough);
  if (newest > changelog.end) {
    throw new MillraceError(
      'FILE_MISMATCH',
      `${filePath} is newer than the log: it holds the changelog ${changelog.name} up to ` +
        `offset ${newest}, but that ends ` +
        `at ${changelog.end}. The log is from an older copy. Restore the whole directory from ` +
        `one backup.`,
    );
  }
  if (folded < changelog.start) {
    throw new MillraceError(
      'FILE_MISMATCH',
      `${filePath} is missing or older than the log: it holds the changelog ${changelog.name} ` +
        `up to offset ${folded}, but ` +
        `what lies before offset ${changelog.start} was removed from the log, because it had ` +
        `been folded. Put the right ` +
        'file back, restore the whole directory from one backup, or give the job another name ' +
        'to compute its state anew.',
    );
  }
}
