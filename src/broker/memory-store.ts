/**
 * Entries in an array: the log for tests and simulations. Nothing outlives the process.
 *
 * Several stores may share a log, as processes share a journal. Each has a catalogue of its own,
 * which lags behind until it follows: when it wants to append, or when it was told.
 */
import { assert, type Clock } from '../platform/index.ts';
import { apply, type Catalogue, emptyCatalogue, type TopicState } from './catalogue.ts';
import type { EntryStore, PlannedOperation } from './entry-store.ts';
import { fileRef } from './file-ref.ts';
import type { Entry, Operation } from './operation.ts';
import type { Range } from './ranges.ts';
import { assignOffsets } from './record-batch.ts';

/** What stores share. */
export class MemoryLog {
  readonly entries: Entry[] = [];
  /** What was appended; a range's position is an index here. */
  readonly blobs: Uint8Array[] = [];
  readonly #watching = new Map<MemoryStore, () => void>();

  watch(store: MemoryStore, onChange: () => void): { close(): void } {
    this.#watching.set(store, onChange);
    return { close: () => this.#watching.delete(store) };
  }

  tellOthers(writer: MemoryStore): void {
    for (const [store, onChange] of this.#watching) if (store !== writer) onChange();
  }
}

const nothing = { close: () => {} };

export class MemoryStore implements EntryStore {
  readonly catalogue: Catalogue = emptyCatalogue();
  readonly syncMs = 0;
  readonly #log: MemoryLog;
  readonly #clock: Clock;

  constructor(log: MemoryLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  begin(): boolean {
    this.follow();
    return true;
  }

  write(planned: readonly PlannedOperation[]): void {
    const operations = planned.map((operation) => this.#place(operation));
    this.#log.entries.push({ sequence: this.catalogue.applied + 1, operations });
    this.follow();
    this.#log.tellOthers(this);
  }

  end(): void {}

  follow(): boolean {
    const unseen = this.#log.entries.slice(this.catalogue.applied);
    for (const entry of unseen) apply(this.catalogue, entry);
    return unseen.length > 0;
  }

  followAndSync(): boolean {
    return this.follow();
  }

  poll(): { close(): void } {
    return nothing;
  }

  /** Told in another turn of the event loop, as another process would be. */
  watch(onChange: () => void): { close(): void } {
    let isDue = false;
    const tell = () => {
      if (isDue) return;
      isDue = true;
      this.#clock.soon(() => {
        isDue = false;
        onChange();
      });
    };
    if (this.#log.entries.length > this.catalogue.applied) tell();
    return this.#log.watch(this, tell);
  }

  watchTurn(): { close(): void } {
    return nothing;
  }

  read(
    _topic: TopicState,
    _partition: number,
    range: Range,
    skip: number,
    lengthMax: number,
  ): Uint8Array {
    const blob = this.#log.blobs[range.position];
    assert(blob !== undefined, 'a range in memory names bytes that were appended');
    return blob.subarray(skip, skip + lengthMax);
  }

  close(): void {}

  #place(planned: PlannedOperation): Operation {
    if (!('batches' in planned)) return planned;
    const { blobs } = this.#log;
    assignOffsets(planned.batches, planned.operation.baseOffset);
    blobs.push(planned.batches);
    const place = { file: fileRef('journal', 1), position: blobs.length - 1 };
    return { ...planned.operation, place };
  }
}
