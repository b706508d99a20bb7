/**
 * What all stores do with their entries: remember what changed, write it at the checkpoint, keep
 * what is not folded, and give up the rest when memory is short.
 *
 *   put, delete ──> changed ──checkpoint──> written at n ──fold──> as the tables have it
 *                                                                   may be evicted
 *
 * An entry without a value stands for a deletion that the tables do not know yet.
 *
 * While the journal is open, every change is noted in it before it is made. For that, `put` reads
 * what the tables have; and a deleted entry is forgotten only when the record is kept.
 */
import { type Codec, copyOf } from '../formats/index.ts';
import { assert, isMillraceError, MillraceError } from '../platform/index.ts';
import type { ChangeWriter } from './change.ts';
import type { EntryBefore, EntryId, EntryTable } from './entry-table.ts';
import type { Residency } from './residency.ts';
import type { StateKey } from './stores.ts';

/** What a task does with its stores, whatever their kind. */
export interface TaskStore {
  /** Takes a change that is not folded yet. */
  recover(time: number, key: StateKey, item: string, value: Uint8Array | undefined): void;
  /** Takes the deletion of all elements of a key, not folded yet. */
  recoverAll(key: StateKey): void;
  /** Writes what changed since the last call, in the order of first change. */
  takeChanges(write: ChangeWriter, checkpoint: number): number;
  /** Gives up an entry that the tables have. */
  evict(entry: EntryId): void;
  /** The deletion that an entry stands for may be folded now. */
  sweep(entry: EntryId): void;
  /** Entries in memory. */
  readonly size: number;
}

export abstract class Entries<Value> implements TaskStore {
  protected readonly name: string;
  protected readonly codec: Codec<Value>;
  protected readonly residency: Residency;
  protected readonly table: EntryTable;
  readonly #store: number;
  #isChangedInPlace = false;
  #changed: EntryId[] = [];

  constructor(name: string, codec: Codec<Value>, residency: Residency) {
    this.name = name;
    this.codec = codec;
    this.residency = residency;
    this.table = residency.table;
    this.#store = residency.register(this);
  }

  abstract get size(): number;

  /** Who gets a value may change it in place: it is plain JSON, and copied to be put back. */
  expectChangesInPlace(): void {
    this.#isChangedInPlace = true;
  }

  abstract recover(time: number, key: StateKey, item: string, value: Uint8Array | undefined): void;

  abstract recoverAll(key: StateKey): void;

  abstract evict(entry: EntryId): void;

  takeChanges(write: ChangeWriter, checkpoint: number): number {
    const changed = this.#changed;
    this.#changed = [];
    const { table } = this;
    for (const entry of changed) {
      const bytes = table.isLive(entry) ? this.#encode(table.object(entry) as Value) : undefined;
      write(this.recordKey(entry), bytes ?? null);
      table.written(entry, checkpoint, bytes);
      if (bytes === undefined && table.isPresent(entry)) this.residency.bury(this, entry);
    }
    return changed.length;
  }

  sweep(entry: EntryId): void {
    const { table } = this;
    const isOurs = table.isPresent(entry) && table.store(entry) === this.#store;
    if (isOurs && !table.isLive(entry) && this.residency.isFolded(entry)) this.discard(entry);
  }

  protected abstract recordKey(entry: EntryId): Uint8Array;

  /** Takes an entry out of the maps. */
  protected abstract unlink(entry: EntryId): void;

  /** The entry is in memory no more. */
  protected discard(entry: EntryId): void {
    this.unlink(entry);
    this.table.remove(entry);
  }

  /** Its value, decoded where nobody asked for it lately. */
  protected valueOf(entry: EntryId): Value | undefined {
    const object = this.table.object(entry) as Value | undefined;
    if (!this.table.isLive(entry)) return object;
    if (this.#isChangedInPlace && this.isUndoable) this.#noteLent(entry, object);
    return object === undefined ? this.table.decode(entry, this.#decode) : object;
  }

  /** Whether the journal is open. */
  protected get isUndoable(): boolean {
    return this.residency.journal.isOpen;
  }

  /** A deleted entry need not be kept as a mark. */
  protected forget(entry: EntryId): void {
    if (!this.isUndoable) this.discard(entry);
    else this.residency.journal.onKeep(() => this.#forgetDeleted(entry));
  }

  #forgetDeleted(entry: EntryId): void {
    if (this.table.isPresent(entry) && !this.table.isLive(entry)) this.discard(entry);
  }

  protected set(entry: EntryId, value: Value | undefined): void {
    if (this.isUndoable) this.#noteChange(entry);
    if (!this.table.change(entry, value)) return;
    this.residency.changes++;
    this.#changed.push(entry);
  }

  #noteChange(entry: EntryId): void {
    const before = this.table.before(entry);
    this.residency.journal.onUndo(() => this.#takeBack(entry, before));
  }

  #takeBack(entry: EntryId, before: EntryBefore): void {
    const wasLive = this.table.isLive(entry);
    this.table.revert(entry, before);
    if (!before.isChanged) {
      const last = this.#changed.pop();
      assert(last === entry, 'changes are taken back in the reverse order');
      this.residency.changes--;
    }
    this.tookBack(entry, before, wasLive);
    if (before.isNew) this.discard(entry);
  }

  /** An entry is as it was before a change; `wasLive`: whether it had a value until now. */
  protected tookBack(_entry: EntryId, _before: EntryBefore, _wasLive: boolean): void {}

  /** Its object may be changed in place: an entry that is not changed has its bytes. */
  #noteLent(entry: EntryId, object: Value | undefined): void {
    const before = this.table.before(entry);
    const copy = before.isChanged ? copyOf(object) : undefined;
    this.residency.journal.onUndo(() => this.table.revert(entry, { ...before, object: copy }));
  }

  /** A new entry of this store, before it has a value. */
  protected make(time: number, key: StateKey, item: string): EntryId {
    return this.table.add(this.#store, time, key, item);
  }

  /** As the tables have it. */
  protected setStored(entry: EntryId, value: Uint8Array): void {
    this.table.load(entry, 0, value);
  }

  /** As a change that is not folded has it. */
  protected setRecovered(entry: EntryId, value: Uint8Array | undefined): void {
    this.table.load(entry, this.residency.recovered, value);
    if (value === undefined) this.residency.bury(this, entry);
  }

  protected check(value: Value): void {
    if (this.codec.check === undefined) return;
    try {
      this.codec.check(value);
    } catch (error) {
      throw this.#named(error, "can't keep this value");
    }
  }

  protected decode(bytes: Uint8Array, start: number, end: number): Value {
    try {
      return this.codec.decode(bytes, start, end);
    } catch (error) {
      throw this.#named(error, 'holds what its codec cannot decode');
    }
  }

  readonly #decode = (bytes: Uint8Array, start: number, end: number): Value =>
    this.decode(bytes, start, end);

  #encode(value: Value): Uint8Array {
    try {
      return this.codec.encode(value);
    } catch (error) {
      throw this.#named(error, "can't keep this value");
    }
  }

  #named(error: unknown, what: string): unknown {
    if (!isMillraceError(error)) return error;
    return new MillraceError(error.code, `State "${this.name}" ${what}: ${error.message}`, {
      cause: error,
    });
  }
}
