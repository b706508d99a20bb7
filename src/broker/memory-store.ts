/** Entries in an array: the log for tests and simulations. Nothing outlives the process. */
import { assert } from '../platform/index.ts';
import { apply, type Catalogue, emptyCatalogue, type TopicState } from './catalogue.ts';
import type { EntryStore, PlannedOperation } from './entry-store.ts';
import { fileRef } from './file-ref.ts';
import type { Entry, Operation } from './operation.ts';
import type { Range } from './ranges.ts';
import { assignOffsets } from './record-batch.ts';

/** No other process has this store. */
const alone = { close: () => {} };

export class MemoryStore implements EntryStore {
  readonly catalogue: Catalogue = emptyCatalogue();
  readonly entries: Entry[] = [];
  readonly syncMs = 0;
  /** What was appended; a range's position is an index here. */
  readonly #blobs: Uint8Array[] = [];

  begin(): boolean {
    return true;
  }

  write(planned: readonly PlannedOperation[]): void {
    const operations = planned.map((operation) => this.#place(operation));
    const entry: Entry = { sequence: this.catalogue.applied + 1, operations };
    this.entries.push(entry);
    apply(this.catalogue, entry);
  }

  end(): void {}

  follow(): boolean {
    return false;
  }

  followAndSync(): boolean {
    return false;
  }

  poll(): { close(): void } {
    return alone;
  }

  watch(): { close(): void } {
    return alone;
  }

  watchTurn(): { close(): void } {
    return alone;
  }

  read(
    _topic: TopicState,
    _partition: number,
    range: Range,
    skip: number,
    lengthMax: number,
  ): Uint8Array {
    const blob = this.#blobs[range.position];
    assert(blob !== undefined, 'a range in memory names bytes that were appended');
    return blob.subarray(skip, skip + lengthMax);
  }

  close(): void {}

  #place(planned: PlannedOperation): Operation {
    if (!('batches' in planned)) return planned;
    assignOffsets(planned.batches, planned.operation.baseOffset);
    this.#blobs.push(planned.batches);
    const place = { file: fileRef('journal', 1), position: this.#blobs.length - 1 };
    return { ...planned.operation, place };
  }
}
