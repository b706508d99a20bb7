/**
 * The log for programs: topics with their codecs, records one at a time. `Broker` is the same in
 * batches of bytes.
 */
import {
  type Broker,
  type EmbeddedBrokerOptions,
  type Header,
  openBroker,
  Producer,
  type ProducerOptions,
  RecordCursor,
  type SentRecord,
} from '../broker/index.ts';
import { checkOptions, isMillraceError, nodePlatform, type Platform } from '../platform/index.ts';
import type { SourceSpec, TopicSpec } from './graph.ts';
import { recordAt, type TopicRecord, untilChanged } from './topic-records.ts';

export interface OpenLogOptions extends EmbeddedBrokerOptions {
  /** How `send` gathers records. */
  readonly producer?: ProducerOptions;
  /** Files, time, randomness; default: those of Node.js. */
  readonly platform?: Platform;
}

/** A record to send. */
export interface OutgoingRecord<Key, Value> {
  readonly key: Key | null;
  /** null: a record without a value, which deletes the row of its key in tables. */
  readonly value: Value | null;
  /** ms since the epoch. Default: now. */
  readonly timestamp?: number;
  readonly headers?: readonly Header[];
  /** Default: by the key, as Kafka does. */
  readonly partition?: number;
}

export interface RecordsOptions {
  /**
   * Go on with what is appended later, until `signal` says stop. Default false: end where the topic
   * ends now.
   */
  readonly follow?: boolean;
  /** Default `'earliest'`. */
  readonly from?: 'earliest' | 'latest';
  readonly signal?: AbortSignal;
}

const readBytes = 256 * 1024;

/** The topics of a directory. */
export class Log {
  readonly directory: string;
  readonly broker: Broker;
  readonly platform: Platform;
  readonly #producer: Producer;
  readonly #ownsPlatform: boolean;

  constructor(directory: string, broker: Broker, platform: Platform, options: OpenLogOptions) {
    this.directory = directory;
    this.broker = broker;
    this.platform = platform;
    this.#producer = new Producer(broker, platform.clock, options.producer);
    this.#ownsPlatform = options.platform === undefined;
  }

  /** Makes the topic unless it is there. `partitions`: default those of the topic, else 1. */
  async createTopic(
    topic: Pick<TopicSpec, 'name' | 'partitions'>,
    partitions?: number,
  ): Promise<void> {
    if (this.broker.describeTopic(topic.name) !== undefined) return;
    try {
      const count = partitions ?? topic.partitions ?? 1;
      await this.broker.createTopic(topic.name, { partitions: count });
    } catch (error) {
      if (!isMillraceError(error, 'TOPIC_EXISTS')) throw error; // somebody else was faster
    }
  }

  /**
   * Appends a record; resolves once it is durable and visible. Records sent together share a
   * commit, so await many at once.
   *
   * @example
   * await log.send(flights, { key: flight.origin, value: flight, timestamp: flight.date });
   */
  async send<Key, Value>(
    topic: TopicSpec<Key, Value>,
    record: OutgoingRecord<Key, Value>,
  ): Promise<SentRecord> {
    const { key, value, ...rest } = record;
    return this.#producer.send({
      ...rest,
      topic: topic.name,
      key: key === null ? null : topic.key.encode(key),
      value: value === null ? null : topic.value.encode(value),
    });
  }

  /**
   * The records of a topic, each partition in its order.
   *
   * @example
   * for await (const { key, value } of log.records(delays)) console.log(key, value);
   */
  async *records<Key, Value>(
    topic: SourceSpec<Key, Value>,
    options: RecordsOptions = {},
  ): AsyncGenerator<TopicRecord<Key, Value>> {
    checkOptions('records()', options, ['follow', 'from', 'signal']);
    const { follow = false, from = 'earliest', signal } = options;
    const partitions = this.broker.describeTopic(topic.name)?.partitions ?? [];
    const positions = partitions.map(({ start, end }) => (from === 'latest' ? end : start));
    const endOf = (partition: number) =>
      follow ? this.broker.endOf({ topic: topic.name, partition }) : partitions[partition]?.end;
    while (signal?.aborted !== true) {
      const before = positions.join();
      for (const partition of positions.keys()) {
        const end = endOf(partition) ?? 0;
        for (const record of this.#read(topic, partition, positions[partition] ?? 0, end)) {
          positions[partition] = record.offset + 1;
          yield record;
        }
      }
      if (positions.join() !== before) continue;
      if (!follow) return;
      await untilChanged(this.broker, signal);
    }
  }

  /** Waits for what was sent, and closes the directory. */
  async close(): Promise<void> {
    await this.#producer.flush();
    await this.broker.close();
    if (this.#ownsPlatform) await this.platform.background.close();
  }

  *#read<Key, Value>(
    topic: SourceSpec<Key, Value>,
    partition: number,
    from: number,
    end: number,
  ): Generator<TopicRecord<Key, Value>> {
    if (from >= end) return;
    const batches = this.broker.read({ topic: topic.name, partition }, from, readBytes);
    if (batches === undefined) return;
    const cursor = new RecordCursor();
    cursor.reset(batches.bytes, batches.placeOf);
    while (cursor.next()) {
      if (cursor.offset < from) continue;
      if (cursor.offset >= end) return;
      yield recordAt(cursor, topic, partition);
    }
  }
}

/**
 * Opens the log in a directory, making it where there is none. See `openBroker` for what it
 * refuses.
 *
 * @example
 * const log = await openLog('./data');
 * await log.createTopic(flights, 4);
 */
export async function openLog(directory: string, options: OpenLogOptions = {}): Promise<Log> {
  const platform = options.platform ?? nodePlatform();
  const { producer: _, platform: __, ...broker } = options;
  return new Log(directory, await openBroker(platform, directory, broker), platform, options);
}
