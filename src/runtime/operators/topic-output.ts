/**
 * What a task has written to one topic since its last commit: a batch for each partition, handed to
 * the next commit.
 *
 * All sinks of a topic share it, so that records lie in the order in which they were emitted,
 * wherever an epoch ends.
 */
import {
  type Append,
  type BatchMark,
  type Header,
  RecordBatchBuilder,
} from '../../broker/index.ts';

/** A batch is closed when it has this many bytes, so that readers need not take it whole. */
const batchBytesMax = 256 * 1024;

class PartitionOutput {
  readonly builder = new RecordBatchBuilder();
  readonly closed: Uint8Array[] = [];
  closedRecords = 0;
  maxTimestamp: number = Number.NEGATIVE_INFINITY;
  /** How it was before the record in work wrote to it. */
  before: PartitionMark | undefined;

  close(): void {
    this.closedRecords += this.builder.recordCount;
    this.maxTimestamp = Math.max(this.maxTimestamp, this.builder.maxTimestamp);
    this.closed.push(this.builder.build());
  }

  mark(): void {
    const { closed, closedRecords, maxTimestamp } = this;
    const batch = this.builder.mark();
    this.before = { batch, closed: closed.length, closedRecords, maxTimestamp };
  }

  rewind(): void {
    if (this.before === undefined) return;
    const { batch, closed, closedRecords, maxTimestamp } = this.before;
    this.builder.rewind(batch, this.closed[closed]);
    this.closed.length = closed;
    this.closedRecords = closedRecords;
    this.maxTimestamp = maxTimestamp;
  }
}

interface PartitionMark {
  readonly batch: BatchMark;
  readonly closed: number;
  readonly closedRecords: number;
  readonly maxTimestamp: number;
}

export class TopicOutput {
  readonly #topic: string;
  readonly #outputs: PartitionOutput[];
  #bytes = 0;
  #bytesBefore = 0;
  /** Whether the record in work may be undone, ... */
  #isUndoable = false;
  /** ... and the partitions that it has written to. */
  readonly #touched: PartitionOutput[] = [];

  constructor(topic: string, partitions: number) {
    this.#topic = topic;
    this.#outputs = Array.from({ length: partitions }, () => new PartitionOutput());
  }

  get partitions(): number {
    return this.#outputs.length;
  }

  /** Bytes waiting for the next commit. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What is written from here on can be undone, until it is kept. */
  begin(): void {
    this.#isUndoable = true;
    this.#bytesBefore = this.#bytes;
  }

  keep(): void {
    this.#isUndoable = false;
    for (const output of this.#touched) output.before = undefined;
    this.#touched.length = 0;
  }

  undo(): void {
    for (const output of this.#touched) output.rewind();
    this.#bytes = this.#bytesBefore;
    this.keep();
  }

  /** Copies what it is given. */
  append(
    partition: number,
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers?: readonly Header[],
  ): void {
    const output = this.#outputs[partition] as PartitionOutput; // a partition of the topic
    if (this.#isUndoable && output.before === undefined) {
      output.mark();
      this.#touched.push(output);
    }
    output.builder.append(Math.floor(timestamp), key, value, headers);
    this.#bytes += (value?.length ?? 0) + (key?.length ?? 0) + 12;
    if (output.builder.byteLength >= batchBytesMax) output.close();
  }

  /** What was written since the last call. */
  takeAppends(): Append[] {
    const appends: Append[] = [];
    for (const [partition, output] of this.#outputs.entries()) {
      if (output.builder.recordCount > 0) output.close();
      if (output.closedRecords === 0) continue;
      const batches = output.closed.length === 1 ? output.closed[0] : Buffer.concat(output.closed);
      if (batches === undefined) continue;
      const { closedRecords: recordCount, maxTimestamp } = output;
      appends.push({ topic: this.#topic, partition, batches, recordCount, maxTimestamp });
      output.closed.length = 0;
      output.closedRecords = 0;
      output.maxTimestamp = Number.NEGATIVE_INFINITY;
    }
    this.#bytes = 0;
    return appends;
  }
}
