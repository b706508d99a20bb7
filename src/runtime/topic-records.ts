/** Records of topics, decoded, and waiting for more of them. */
import type { Broker, Header, RecordCursor } from '../broker/index.ts';
import type { SourceSpec } from './graph.ts';

/** A record of a topic. */
export interface TopicRecord<Key, Value> {
  readonly partition: number;
  readonly offset: number;
  /** ms since the epoch. */
  readonly timestamp: number;
  readonly key: Key | null;
  /** Null for a record without a value. */
  readonly value: Value | null;
  readonly headers: readonly Header[];
}

/** The record that a cursor stands at. Fails with `DECODE`. */
export function recordAt<Key, Value>(
  cursor: RecordCursor,
  topic: SourceSpec<Key, Value>,
  partition: number,
): TopicRecord<Key, Value> {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd, offset, timestamp } = cursor;
  return {
    partition,
    offset,
    timestamp,
    key: keyStart < 0 ? null : topic.key.decode(bytes, keyStart, keyEnd),
    value: valueStart < 0 ? null : topic.value.decode(bytes, valueStart, valueEnd),
    headers: cursor.headers(),
  };
}

/** Resolves when something has changed in the log, or at the signal. */
export function untilChanged(
  broker: Pick<Broker, 'subscribe'>,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      subscription.close();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const subscription = broker.subscribe(done);
    if (signal?.aborted === true) done();
    else signal?.addEventListener('abort', done);
  });
}
