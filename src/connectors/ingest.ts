/** Brings records into the log: `ingest(source, topic, { data })`. */
import { checkOptions } from '../platform/index.ts';
import type { TopicSpec } from '../runtime/index.ts';
import { Connector, type ConnectorHandle } from './connector.ts';
import { IngestAttempt } from './ingest-attempt.ts';
import { type ConnectorSettings, nameOf, openData } from './open-connector.ts';
import type { Source } from './source.ts';

export interface IngestOptions<Key, Value> extends ConnectorSettings {
  /** Default: the key that the source gives, or none. */
  readonly key?: (value: Value) => Key | null;
  /** ms since the epoch. Default: what the source gives, or now. */
  readonly timestamp?: (value: Value) => number;
}

/**
 * Reads a source and appends its records to a topic, which is made where it is missing; begins
 * behind the last record that is there already. Returns a handle at once: `done` resolves when the
 * source has ended and everything is durable.
 *
 * Reading waits for writing: about 256 KiB are gathered while a commit is under way.
 *
 * @example
 * const handle = await ingest(jsonLines<Flight>('flights.jsonl'), flights, {
 *   data: './data',
 *   key: (flight) => flight.origin,
 *   timestamp: (flight) => flight.date,
 * });
 * await handle.done;
 */
export async function ingest<Key, Value, Position>(
  source: Source<NoInfer<Value>, Position>,
  topic: TopicSpec<Key, Value>,
  options: IngestOptions<Key, NoInfer<Value>>,
): Promise<ConnectorHandle> {
  checkOptions('ingest()', options, ['data', 'name', 'platform', 'key', 'timestamp']);
  const name = nameOf('ingest', topic.name, options);
  const { log, broker, platform, close } = await openData('ingest', options);
  return new Connector({
    kind: 'ingest',
    name,
    outside: source.name,
    topic: topic.name,
    clock: platform.clock,
    once: source.once ?? false,
    lag: () => 0,
    attempt: async (control) => {
      await log.createTopic(topic);
      const partitions = broker.describeTopic(topic.name)?.partitions.length ?? 1;
      const of = { source, topic, name, options, broker, platform, partitions, control };
      await new IngestAttempt(of).run();
    },
    onEnd: close,
  });
}
