/** Topics as jobs name them. */
import type { Codec } from '../formats/index.ts';
import { checkOptions, checkTopicName, type TopicSpec } from '../runtime/index.ts';

/** A topic: its name, and how its keys and values become bytes. */
export interface Topic<Key, Value> extends TopicSpec<Key, Value> {
  readonly kind: 'topic';
}

/** A property, not a method, so that the type of its argument counts. */
interface Encoder<in Value> {
  readonly encode: (value: Value) => Uint8Array;
}

/** A topic that takes keys and values of these types. */
export interface TopicFor<in Key, in Value> {
  readonly kind: 'topic';
  readonly name: string;
  readonly key: Encoder<Key>;
  readonly value: Encoder<Value>;
}

/**
 * What a topic must have besides, so that no field of `Value` is lost without a `map` that says so:
 * nothing, where its type has all of them.
 */
export type HoldsFieldsOf<Value, TopicValue> =
  IsUntyped<Value> extends true
    ? unknown
    : IsUntyped<TopicValue> extends true
      ? unknown
      : [Exclude<FieldsOf<Value>, FieldsOf<TopicValue>>] extends [never]
        ? unknown
        : { 'the topic lacks fields': Exclude<FieldsOf<Value>, FieldsOf<TopicValue>> };

type FieldsOf<Value> = Value extends readonly unknown[]
  ? never
  : Value extends object
    ? keyof Value
    : never;

/** `any`, and `unknown` as well. */
type IsUntyped<Value> = unknown extends Value ? true : false;

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
