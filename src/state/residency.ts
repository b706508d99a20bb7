/**
 * What of a task's state is in memory: how many bytes, which checkpoints are folded, and what goes
 * when memory is short.
 *
 * Rules:
 * - An entry may go once its last change is folded: then the tables have it.
 * - Where the tables may be asked, an entry that was deleted stays as a mark until the deletion is
 *   folded: the tables would give it back. Where everything is in memory nobody asks, so no marks
 *   are kept; eviction begins only when everything that was deleted without a mark is folded.
 * - Eviction goes round over all entries and takes those that were not used since the last round
 *   (the CLOCK algorithm: Corbató, "A paging experiment with the Multics system", 1968).
 */
import type { TaskStore } from './entries.ts';
import { type EntryId, EntryTable } from './entry-table.ts';
import { UndoJournal } from './undo-journal.ts';

/** The checkpoint of what was recovered from the changelog. */
const recoveredCheckpoint = 1;

/** Entries that are looked at for eviction after one commit: a few ms. */
const looksMax = 10_000;

/** Marks that are removed after one commit. */
const sweepsMax = 10_000;

/** Short arrays, for a long one would be copied as it grows. */
const marksTogether = 4096;

type Sweeper = Pick<TaskStore, 'sweep'>;

/** Marks of one checkpoint. */
interface Marks {
  readonly store: Sweeper;
  readonly checkpoint: number;
  readonly entries: EntryId[];
  swept: number;
}

/** Share of the limit from which marks are kept, so that eviction can begin. */
const preparingShare = 0.75;

export interface ResidencyOptions {
  /** What entries in memory may take, in bytes. */
  readonly bytesMax: number;
  readonly rowsAtOnce: number;
  /** Where the changelog ended when it was recovered. */
  readonly recoveredEnd: number;
}

export class Residency {
  readonly table: EntryTable;
  /** What the record in work has changed. */
  readonly journal: UndoJournal = new UndoJournal();
  /** Entries that changed since the last checkpoint. */
  changes = 0;
  readonly recovered: number = recoveredCheckpoint;
  /** Rows of the tables that are read at once where many are wanted. */
  readonly rowsAtOnce: number;
  readonly #bytesMax: number;
  readonly #stores: TaskStore[] = [];
  readonly #ends: { readonly checkpoint: number; readonly end: number }[] = [];
  /** The oldest first. */
  readonly #marks: Marks[] = [];
  #checkpoint = recoveredCheckpoint;
  #folded = 0;
  #keepsMarksSince = Number.POSITIVE_INFINITY;

  constructor(options: ResidencyOptions) {
    this.table = new EntryTable(options.bytesMax);
    this.#bytesMax = options.bytesMax;
    this.rowsAtOnce = options.rowsAtOnce;
    this.#ends.push({ checkpoint: recoveredCheckpoint, end: options.recoveredEnd });
  }

  /** A part of the tables with at most so many rows is read as a whole. */
  get smallPartRows(): number {
    return Math.floor(this.rowsAtOnce / 2);
  }

  /** The number of a store among those of the task, for the table of entries. */
  register(store: TaskStore): number {
    this.#stores.push(store);
    return this.#stores.length - 1;
  }

  /** About what the entries in memory take. */
  get bytes(): number {
    return this.table.bytes;
  }

  /** Whether a deletion leaves a mark even where nobody would ask the tables now. */
  get keepsMarks(): boolean {
    return this.#keepsMarksSince < Number.POSITIVE_INFINITY;
  }

  /** Whether the tables know of everything that was deleted without a mark. */
  get mayEvict(): boolean {
    return this.#folded >= this.#keepsMarksSince;
  }

  /** Whether too much is in memory that is not folded, so that nothing may go. */
  get isFull(): boolean {
    return this.bytes > this.#bytesMax * 1.25;
  }

  isFolded(entry: EntryId): boolean {
    return !this.table.isChanged(entry) && this.table.checkpoint(entry) <= this.#folded;
  }

  nextCheckpoint(): number {
    this.#checkpoint++;
    return this.#checkpoint;
  }

  /** The last checkpoint is committed; it ends before `end` of the changelog. */
  committed(end: number): void {
    this.#ends.push({ checkpoint: this.#checkpoint, end });
  }

  /** Everything before `offset` of the changelog is folded. */
  foldedTo(offset: number): void {
    let count = 0;
    for (const { checkpoint, end } of this.#ends) {
      if (end > offset) break;
      this.#folded = checkpoint;
      count++;
    }
    this.#ends.splice(0, count); // at once: each `shift` of a long array moves all of it
  }

  /** An entry stands for a deletion, until that is folded. */
  bury(store: Sweeper, entry: EntryId): void {
    const checkpoint = this.table.checkpoint(entry);
    const last = this.#marks.at(-1);
    const isOf = last?.store === store && last.checkpoint === checkpoint;
    if (isOf && last.entries.length < marksTogether) last.entries.push(entry);
    else this.#marks.push({ store, checkpoint, entries: [entry], swept: 0 });
  }

  /** Between two epochs: nothing is changed and not taken. */
  tend(): void {
    this.#sweepMarks();
    this.table.tidy();
    if (this.bytes > this.#bytesMax * preparingShare) {
      this.#keepsMarksSince = Math.min(this.#keepsMarksSince, this.#checkpoint);
    }
    if (!this.mayEvict) return;
    for (let looks = 0; this.bytes > this.#bytesMax && looks < looksMax; looks++) this.#look();
  }

  #sweepMarks(): void {
    for (let left = sweepsMax; left > 0; left--) {
      const [marks] = this.#marks;
      if (marks === undefined || marks.checkpoint > this.#folded) return;
      const entry = marks.entries[marks.swept++];
      if (entry === undefined) this.#marks.shift();
      else marks.store.sweep(entry);
    }
  }

  #look(): void {
    const entry = this.table.turnHand();
    if (entry === undefined || !this.table.isLive(entry) || !this.isFolded(entry)) return;
    this.#stores[this.table.store(entry)]?.evict(entry);
  }
}
