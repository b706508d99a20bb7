/**
 * Sends single records: gathers them into batches, one commit for all that wait, and answers each
 * once its commit is durable and visible.
 *
 * While a commit is under way the next records gather, so batches grow with load and latency stays
 * low without it. Records of one partition keep the order in which they were sent. A record that is
 * refused takes no record of another partition with it. What fails was not appended, and nothing is
 * sent again by itself (`retryable` says whether that can help).
 */
import { type Clock, isMillraceError, MillraceError } from '../platform/index.ts';
import type { Append, Appended, Broker, TopicDescription } from './broker.ts';
import { partitionOf } from './murmur2.ts';
import { type Header, RecordBatchBuilder } from './record-batch-builder.ts';
import { checkNotFuture } from './requests.ts';

export interface ProducerOptions {
  /**
   * How long a record may wait for others, in ms. Default 0: as long as the event loop is busy with
   * what is there.
   */
  readonly lingerMs?: number;
  /** A partition's batch is closed at this size, in bytes. Default 256 KiB. */
  readonly batchBytes?: number;
  /** Records gathered and not answered; `send` fails beyond. Default 1,000,000. */
  readonly waitingMax?: number;
}

export interface ProducerRecord {
  readonly topic: string;
  /** Default: by murmur2 of the key, as Kafka does; records without a key go round. */
  readonly partition?: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly Header[];
  /** ms since the epoch. Default: now. */
  readonly timestamp?: number;
}

/** Where a record went. */
export interface SentRecord {
  readonly partition: number;
  readonly offset: number;
}

interface Waiting {
  resolve(sent: SentRecord): void;
  reject(error: unknown): void;
}

/** The records of one partition that go into the next commit. */
interface Lane {
  readonly topic: string;
  readonly partition: number;
  readonly builder: RecordBatchBuilder;
  closed: Uint8Array[];
  recordCount: number;
  maxTimestamp: number;
  waiting: Waiting[];
}

/** What a lane held when its commit began. */
interface Sending {
  readonly append: Append;
  readonly waiting: readonly Waiting[];
}

export class Producer {
  readonly #broker: Broker;
  readonly #clock: Clock;
  readonly #lingerMs: number;
  readonly #batchBytes: number;
  readonly #waitingMax: number;
  readonly #lanes = new Map<string, Lane[]>();
  readonly #topics = new Map<string, TopicDescription>();
  /** Lanes that hold records. */
  #ready: Lane[] = [];
  #waiting = 0;
  #roundRobin = 0;
  #scheduled = false;
  #flushing: Promise<void> | undefined;

  constructor(broker: Broker, clock: Clock, options: ProducerOptions = {}) {
    this.#broker = broker;
    this.#clock = clock;
    this.#lingerMs = options.lingerMs ?? 0;
    this.#batchBytes = options.batchBytes ?? 256 * 1024;
    this.#waitingMax = options.waitingMax ?? 1_000_000;
  }

  /**
   * Resolves once the record is durable. Fails with `TOPIC_MISSING`, `INVALID`, or what kept the
   * commit from happening.
   */
  send(record: ProducerRecord): Promise<SentRecord> {
    return new Promise((resolve, reject) => {
      if (this.#waiting >= this.#waitingMax) {
        reject(tooMany(this.#waitingMax));
        return;
      }
      const now = this.#clock.now();
      const timestamp = Math.floor(record.timestamp ?? now);
      const topic = this.#topicOf(record.topic);
      if (topic !== undefined) checkNotFuture(timestamp, topic, now);
      const lane = this.#laneFor(record);
      lane.builder.append(timestamp, record.key, record.value, record.headers);
      if (lane.waiting.length === 0) this.#ready.push(lane);
      lane.waiting.push({ resolve, reject });
      this.#waiting++;
      if (lane.builder.byteLength >= this.#batchBytes) closeBatch(lane);
      this.#schedule();
    });
  }

  /** Resolves when all that was sent so far is answered. */
  async flush(): Promise<void> {
    while (this.#waiting > 0) {
      this.#flushing ??= this.#commit();
      await this.#flushing;
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#flushing !== undefined) return;
    this.#scheduled = true;
    const start = () => {
      this.#scheduled = false;
      this.#flushing ??= this.#commit();
    };
    if (this.#lingerMs > 0) this.#clock.after(this.#lingerMs, start);
    else this.#clock.soon(start);
  }

  /** One commit for everything that waits. Never rejects: the records are told. */
  async #commit(): Promise<void> {
    const sending = this.#ready.map(takeAll);
    this.#ready = [];
    try {
      answer(sending, await this.#broker.append(sending.map(({ append }) => append)));
    } catch (error) {
      this.#topics.clear(); // one may have been deleted, and made again with other partitions
      if (sending.length > 1 && isRefusal(error)) await this.#commitEach(sending);
      else refuse(sending, error);
    }
    for (const { waiting } of sending) this.#waiting -= waiting.length;
    this.#flushing = undefined;
    if (this.#ready.length > 0) this.#schedule();
  }

  /** One of them was refused, and with it all: the others go on. */
  async #commitEach(sending: readonly Sending[]): Promise<void> {
    const commits = sending.map(async (each) => {
      try {
        answer([each], await this.#broker.append([each.append]));
      } catch (error) {
        refuse([each], error);
      }
    });
    await Promise.all(commits);
  }

  #laneFor(record: ProducerRecord): Lane {
    const { topic } = record;
    const partition = record.partition ?? this.#partitionFor(topic, record.key);
    let lanes = this.#lanes.get(topic);
    if (lanes === undefined) {
      lanes = [];
      this.#lanes.set(topic, lanes);
    }
    const known = lanes.find((lane) => lane.partition === partition);
    if (known !== undefined) return known;
    const lane: Lane = {
      topic,
      partition,
      builder: new RecordBatchBuilder(),
      closed: [],
      recordCount: 0,
      maxTimestamp: Number.NEGATIVE_INFINITY,
      waiting: [],
    };
    lanes.push(lane);
    return lane;
  }

  #partitionFor(topic: string, key: Uint8Array | null): number {
    const count = this.#partitionCount(topic);
    if (key !== null) return partitionOf(key, count);
    this.#roundRobin = (this.#roundRobin + 1) % count;
    return this.#roundRobin;
  }

  #partitionCount(topic: string): number {
    return this.#topicOf(topic)?.partitions.length ?? 1;
  }

  /**
   * What is used of a topic does not change while it lives. One that is missing may have been made
   * by another process a moment ago: the broker knows.
   */
  #topicOf(name: string): TopicDescription | undefined {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    const described = this.#broker.describeTopic(name);
    if (described !== undefined) this.#topics.set(name, described);
    return described;
  }
}

function answer(sending: readonly Sending[], appended: readonly Appended[]): void {
  for (const [i, { waiting, append }] of sending.entries()) {
    const base = appended[i]?.baseOffset ?? 0;
    for (const [n, { resolve }] of waiting.entries()) {
      resolve({ partition: append.partition, offset: base + n });
    }
  }
}

function refuse(sending: readonly Sending[], error: unknown): void {
  for (const { waiting } of sending) for (const { reject } of waiting) reject(error);
}

/** Whether the broker refused what it was asked, and nothing else went wrong. */
function isRefusal(error: unknown): boolean {
  return isMillraceError(error, 'TOPIC_MISSING') || isMillraceError(error, 'INVALID');
}

function closeBatch(lane: Lane): void {
  const { builder } = lane;
  lane.recordCount += builder.recordCount;
  lane.maxTimestamp = Math.max(lane.maxTimestamp, builder.maxTimestamp);
  lane.closed.push(builder.build());
}

/** Takes what the lane holds; it is empty afterwards. */
function takeAll(lane: Lane): Sending {
  if (lane.builder.recordCount > 0) closeBatch(lane);
  const { topic, partition, closed, recordCount, maxTimestamp, waiting } = lane;
  const [first] = closed;
  const batches = closed.length === 1 && first !== undefined ? first : Buffer.concat(closed);
  lane.closed = [];
  lane.recordCount = 0;
  lane.maxTimestamp = Number.NEGATIVE_INFINITY;
  lane.waiting = [];
  return { append: { topic, partition, batches, recordCount, maxTimestamp }, waiting };
}

function tooMany(waitingMax: number): MillraceError {
  return new MillraceError(
    'INVALID',
    `More than ${waitingMax} records are waiting to be written: await send(), or flush(), now ` +
      `and then.`,
    { retryable: true },
  );
}
