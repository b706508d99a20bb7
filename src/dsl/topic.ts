/** Topics as jobs name them. */
import type { Codec } from '../formats/index.ts';
import { checkOptions, checkTopicName, type TopicSpec } from '../runtime/index.ts';

/** A topic: its name, and how its keys and values become bytes. */
export interface Topic<Key, Value> extends TopicSpec<Key, Value> {
  readonly kind: 'topic';
}

export interface TopicSettings<Key, Value> {
  readonly key: Codec<Key>;
  readonly value: Codec<Value>;
  /**
   * How many partitions the topic gets where a job makes it. Default: as many as the job's first
   * source.
   */
  readonly partitions?: number;
}

/**
 * Names a topic. Nothing is made: a job makes the topics it writes, and refuses to start where one
 * it reads is missing.
 *
 * @example
 * const flights = topic('flights', { key: string(), value: json<Flight>() });
 */
export function topic<Key, Value>(
  name: string,
  settings: TopicSettings<Key, Value>,
): Topic<Key, Value> {
  checkTopicName(name);
  checkOptions(`topic("${name}")`, settings, ['key', 'value', 'partitions']);
  const { key, value, partitions } = settings;
  return { kind: 'topic', name, key, value, partitions };
}
