/**
 * Writes a stream to a topic: encodes each record when it is emitted, so that nothing of what was
 * emitted can change afterwards.
 */
import { partitionOf } from '../../broker/index.ts';
import { isMillraceError, MillraceError, messageOf } from '../../platform/index.ts';
import type { SinkNode } from '../graph.ts';
import type { Key, OperatorContext, Receiver, Step } from '../operator.ts';
import type { TopicOutput } from './topic-output.ts';

export interface SinkParts {
  readonly context: OperatorContext;
  readonly step: Step;
  readonly node: SinkNode;
  readonly output: TopicOutput;
}

export class SinkOperator implements Receiver {
  readonly #parts: SinkParts;

  constructor(parts: SinkParts) {
    this.#parts = parts;
  }

  receive(value: unknown, timestamp: number, key: Key | null): void {
    const { context, step, node, output } = this.#parts;
    context.step = step;
    const written = node.key === undefined ? key?.value : node.key(value);
    const keyBytes =
      written === undefined || written === null ? null : this.#encode('key', written);
    if (keyBytes === null && node.writesTombstones === true) throw noKey(node.topic.name);
    const isTombstone = value === null && node.writesTombstones === true;
    const valueBytes = isTombstone ? null : this.#encode('value', value);
    const partition =
      keyBytes === null
        ? context.sourcePartition % output.partitions // keeps the source's order
        : partitionOf(keyBytes, output.partitions);
    output.append(partition, timestamp, keyBytes, valueBytes);
    context.written++;
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

function noKey(topic: string): MillraceError {
  return new MillraceError(
    'ENCODE',
    `A row for topic "${topic}" has no key, so nothing could replace or delete it. Leave such ` +
      'rows out with filter().',
  );
}
