/**
 * Writes a stream to a topic: encodes each record when it is emitted, into one batch per partition,
 * which the task hands to the next commit. So nothing of what was emitted can change afterwards.
 */
import { type Append, partitionOf, RecordBatchBuilder } from '../../broker/index.ts';
import { isMillraceError, MillraceError, messageOf } from '../../platform/index.ts';
import type { SinkNode } from '../graph.ts';
import type { Key, OperatorContext, Receiver, Step } from '../operator.ts';

export interface SinkParts {
  readonly context: OperatorContext;
  readonly step: Step;
  readonly node: SinkNode;
  readonly partitions: number;
}

/** A batch is closed when it has this many bytes, so that readers need not take it whole. */
const batchBytesMax = 256 * 1024;

interface PartitionOutput {
  readonly builder: RecordBatchBuilder;
  readonly closed: Uint8Array[];
  closedRecords: number;
  maxTimestamp: number;
}

export class SinkOperator implements Receiver {
  readonly #parts: SinkParts;
  readonly #outputs: PartitionOutput[];
  #bytes = 0;

  constructor(parts: SinkParts) {
    this.#parts = parts;
    this.#outputs = Array.from({ length: parts.partitions }, () => ({
      builder: new RecordBatchBuilder(),
      closed: [],
      closedRecords: 0,
      maxTimestamp: Number.NEGATIVE_INFINITY,
    }));
  }

  /** Bytes waiting for the next commit. */
  get bytes(): number {
    return this.#bytes;
  }

  receive(value: unknown, timestamp: number, key: Key | null): void {
    const { context, step, node } = this.#parts;
    context.step = step;
    const written = node.key === undefined ? key?.value : node.key(value);
    const keyBytes =
      written === undefined || written === null ? null : this.#encode('key', written);
    const valueBytes = this.#encode('value', value);
    const partition =
      keyBytes === null
        ? context.sourcePartition % this.#outputs.length // keeps the source's order
        : partitionOf(keyBytes, this.#outputs.length);
    this.#append(partition, timestamp, keyBytes, valueBytes);
    context.written++;
  }

  /** What was written since the last call. */
  takeAppends(): Append[] {
    const appends: Append[] = [];
    for (const [partition, output] of this.#outputs.entries()) {
      if (output.builder.recordCount > 0) close(output);
      if (output.closedRecords === 0) continue;
      const batches = output.closed.length === 1 ? output.closed[0] : Buffer.concat(output.closed);
      if (batches === undefined) continue;
      const { name: topic } = this.#parts.node.topic;
      const { closedRecords: recordCount, maxTimestamp } = output;
      appends.push({ topic, partition, batches, recordCount, maxTimestamp });
      output.closed.length = 0;
      output.closedRecords = 0;
      output.maxTimestamp = Number.NEGATIVE_INFINITY;
    }
    this.#bytes = 0;
    return appends;
  }

  #append(partition: number, timestamp: number, key: Uint8Array | null, value: Uint8Array): void {
    const output = this.#outputs[partition] as PartitionOutput; // a partition of the topic
    output.builder.append(Math.floor(timestamp), key, value);
    this.#bytes += value.length + (key?.length ?? 0) + 12;
    if (output.builder.byteLength >= batchBytesMax) close(output);
  }

  #encode(what: 'key' | 'value', value: unknown): Uint8Array {
    const { topic } = this.#parts.node;
    try {
      return what === 'key' ? topic.key.encode(value) : topic.value.encode(value);
    } catch (cause) {
      const code = isMillraceError(cause) ? cause.code : 'ENCODE';
      const message =
        `The ${what} of a record for topic "${topic.name}" can't be encoded as ` +
        `${topic[what].name}: ${messageOf(cause)}`;
      throw new MillraceError(code, message, { cause });
    }
  }
}

function close(output: PartitionOutput): void {
  output.closedRecords += output.builder.recordCount;
  output.maxTimestamp = Math.max(output.maxTimestamp, output.builder.maxTimestamp);
  output.closed.push(output.builder.build());
}
