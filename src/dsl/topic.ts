/** Topics as jobs name them. */
import { type Codec, checkKeyCodec, type Decoder, select } from '../formats/index.ts';
import { MillraceError } from '../platform/index.ts';
import { checkOptions, checkTopicName, type SourceSpec, type TopicSpec } from '../runtime/index.ts';

/** What a job can read: a topic, or some fields of its values. */
export interface ReadableTopic<Key, Value> extends SourceSpec<Key, Value> {
  readonly kind: 'topic' | 'selection';
}

/** A topic: its name, and how its keys and values become bytes. */
export interface Topic<Key, Value> extends ReadableTopic<Key, Value>, TopicSpec<Key, Value> {
  readonly kind: 'topic';
  readonly value: Codec<Value>;
  /**
   * The topic with only these fields of its values, for reading. Formats that can skip the others
   * read faster: Avro several times, CSV somewhat. It is the same topic: positions and state of a
   * job do not depend on which fields it reads.
   *
   * @example from(bids.select('auction', 'price')).filter((bid) => bid.price > 100)
   */
  select<Field extends NamesOfFields<Value>>(
    ...fields: readonly [Field, ...Field[]]
  ): SelectedTopic<Key, Selected<Value, Field>>;
}

/** Some fields of the values of a topic. It can be read, but not written. */
export interface SelectedTopic<Key, Value> extends ReadableTopic<Key, Value> {
  readonly kind: 'selection';
}

type NamesOfFields<Value> = Extract<FieldsOf<Value>, string>;

/** Of each member of a union, those fields that it has; what has no fields stays. */
export type Selected<Value, Field> = Value extends readonly unknown[]
  ? Value
  : Value extends object
    ? Pick<Value, Extract<keyof Value, Field>>
    : Value;

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
  checkKeyCodec(key, `topic("${name}")`);
  return {
    kind: 'topic',
    name,
    key,
    value,
    partitions,
    select: (...fields) => selection(name, key, value, fields),
  };
}

function selection<Key, Value, Field extends NamesOfFields<Value>>(
  name: string,
  key: Codec<Key>,
  value: Codec<Value>,
  fields: readonly Field[],
): SelectedTopic<Key, Selected<Value, Field>> {
  if (fields.length === 0) {
    throw new MillraceError('INVALID', `select() of topic("${name}") takes names of fields.`);
  }
  const untyped = value as Codec<unknown>; // a format knows its fields by name
  const decoder = select(untyped, fields) as Decoder<Selected<Value, Field>>; // those fields
  return { kind: 'selection', name, key, value: decoder };
}
