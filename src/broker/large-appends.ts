/**
 * Large appends go straight to a segment, so that their bytes are written once: under the journal's
 * lock the batches are written and synced, and then an entry names the range. A crash in between
 * leaves bytes that no range names.
 */
import type { File, Platform } from '../platform/index.ts';
import type { Catalogue } from './catalogue.ts';
import { type FileRef, fileRef } from './file-ref.ts';
import type { AppendOperation } from './operation.ts';
import type { PlannedAppend } from './requests.ts';
import { createSegment, type PartitionPlace } from './segment.ts';

/** A segment gets no further appends once it is this long, in bytes. */
const segmentBytesMax = 256 * 1024 * 1024;

interface OpenSegment {
  readonly file: File;
  readonly ref: FileRef;
  /** Bytes of committed ranges. */
  end: number;
}

export class LargeAppends {
  readonly #platform: Platform;
  readonly #directory: string;
  readonly #durable: boolean;
  readonly #open = new Map<string, OpenSegment>();
  /** Written and synced, not yet named by an entry. */
  #pending: { readonly segment: OpenSegment; readonly end: number }[] = [];
  #numbersTaken = 0;

  constructor(platform: Platform, directory: string, durable: boolean) {
    this.#platform = platform;
    this.#directory = directory;
    this.#durable = durable;
  }

  /** Writes the batches, not yet synced; returns the operation that names them. */
  write(catalogue: Catalogue, { operation, batches }: PlannedAppend): AppendOperation {
    const segment = this.#segmentFor(catalogue, operation);
    const pending = this.#pending.findLast((p) => p.segment === segment);
    const position = pending?.end ?? segment.end;
    segment.file.write(batches, position);
    this.#platform.failpoint('segment.written');
    this.#pending.push({ segment, end: position + batches.length });
    return { ...operation, place: { file: segment.ref, position } };
  }

  /** Makes what was written durable: before the entry that names it. */
  sync(): void {
    if (this.#pending.length === 0) return;
    const segments = new Set(this.#pending.map((p) => p.segment));
    if (this.#durable) for (const { file } of segments) file.sync();
    this.#platform.failpoint('segment.synced');
  }

  /** The entry is durable: what was written counts. */
  committed(): void {
    for (const { segment, end } of this.#pending) segment.end = Math.max(segment.end, end);
    this.#forget();
  }

  /**
   * The entry was not written: the bytes are leftovers, and are overwritten by the next ones. A
   * segment that no entry names is given up, because another process may take its number.
   */
  abandoned(): void {
    for (const [key, segment] of this.#open) {
      if (segment.end > 0) continue;
      segment.file.close();
      this.#open.delete(key);
    }
    this.#forget();
  }

  close(): void {
    for (const { file } of this.#open.values()) file.close();
    this.#open.clear();
  }

  #forget(): void {
    this.#pending = [];
    this.#numbersTaken = 0;
  }

  #segmentFor(catalogue: Catalogue, operation: AppendOperation): OpenSegment {
    const key = `${operation.topic}/${operation.partition}`;
    const open = this.#open.get(key);
    if (open !== undefined && this.#canGrow(catalogue, operation, open)) return open;
    open?.file.close();
    const topicName = catalogue.topics.get(operation.topic)?.name ?? '';
    const place: PartitionPlace = {
      topic: operation.topic,
      topicName,
      partition: operation.partition,
    };
    const ref = fileRef('large', catalogue.nextLarge + this.#numbersTaken++);
    const file = createSegment(this.#platform.files, this.#directory, place, ref);
    this.#platform.failpoint('segment.created');
    const segment = { file, ref, end: 0 };
    this.#open.set(key, segment);
    return segment;
  }

  /** A segment that no range names any more may be removed at any moment. */
  #canGrow(catalogue: Catalogue, operation: AppendOperation, segment: OpenSegment): boolean {
    if (segment.end + operation.length > segmentBytesMax) return false;
    if (segment.end === 0) return true; // made for this entry
    const partition = catalogue.topics.get(operation.topic)?.partitions[operation.partition];
    return partition?.ranges.hasFile(segment.ref) === true;
  }
}
