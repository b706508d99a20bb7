/**
 * What a task has written to one topic since its last commit: a batch for each partition, handed to
 * the next commit.
 *
 * All sinks of a topic share it, so that records lie in the order in which they were emitted,
 * wherever an epoch ends.
 */
import { type Append, RecordBatchBuilder } from '../../broker/index.ts';

/** A batch is closed when it has this many bytes, so that readers need not take it whole. */
const batchBytesMax = 256 * 1024;

interface PartitionOutput {
  readonly builder: RecordBatchBuilder;
  readonly closed: Uint8Array[];
  closedRecords: number;
  maxTimestamp: number;
}

export class TopicOutput {
  readonly #topic: string;
  readonly #outputs: PartitionOutput[];
  #bytes = 0;

  constructor(topic: string, partitions: number) {
    this.#topic = topic;
    this.#outputs = Array.from({ length: partitions }, () => ({
      builder: new RecordBatchBuilder(),
      closed: [],
      closedRecords: 0,
      maxTimestamp: Number.NEGATIVE_INFINITY,
    }));
  }

  get partitions(): number {
    return this.#outputs.length;
  }

  /** Bytes waiting for the next commit. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Copies what it is given. */
  append(partition: number, timestamp: number, key: Uint8Array | null, value: Uint8Array): void {
    const output = this.#outputs[partition] as PartitionOutput; // a partition of the topic
    output.builder.append(Math.floor(timestamp), key, value);
    this.#bytes += value.length + (key?.length ?? 0) + 12;
    if (output.builder.byteLength >= batchBytesMax) close(output);
  }

  /** What was written since the last call. */
  takeAppends(): Append[] {
    const appends: Append[] = [];
    for (const [partition, output] of this.#outputs.entries()) {
      if (output.builder.recordCount > 0) close(output);
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

function close(output: PartitionOutput): void {
  output.closedRecords += output.builder.recordCount;
  output.maxTimestamp = Math.max(output.maxTimestamp, output.builder.maxTimestamp);
  output.closed.push(output.builder.build());
}
