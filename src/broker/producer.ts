/**
 * Sends single records: gathers them into batches, one commit for all that wait, and answers each
 * once its commit is durable and visible.
 *
 * While a commit is under way the next records gather, so batches grow with load and latency stays
 * low without it. Records of one partition keep the order in which they were sent. What fails fails
 * whole batches: those records were not appended, and nothing is sent again by itself (`retryable`
 * says whether that can help).
 */
import { type Clock, MillraceError } from '../platform/index.ts';
import type { Append, Broker } from './broker.ts';
import { partitionOf } from './murmur2.ts';
import { type Header, RecordBatchBuilder } from './record-batch-builder.ts';

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
interface Gathered {
  readonly topic: string;
  readonly partition: number;
  readonly builder: RecordBatchBuilder;
  closed: Uint8Array[];
  recordCount: number;
  maxTimestamp: number;
  waiting: Waiting[];
}

export class Producer {
  readonly #broker: Broker;
  readonly #clock: Clock;
  readonly #lingerMs: number;
  readonly #batchBytes: number;
  readonly #waitingMax: number;
  readonly #gathered = new Map<string, Gathered>();
  readonly #partitionCounts = new Map<string, number>();
  #ready: Gathered[] = [];
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
      const gathered = this.#gatheredFor(record);
      gathered.builder.append(
        Math.floor(record.timestamp ?? this.#clock.now()),
        record.key,
        record.value,
        record.headers,
      );
      gathered.waiting.push({ resolve, reject });
      this.#waiting++;
      if (gathered.builder.byteLength >= this.#batchBytes) closeBatch(gathered);
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
    const batch = this.#ready;
    this.#ready = [];
    for (const gathered of batch) this.#gathered.delete(`${gathered.topic}/${gathered.partition}`);
    try {
      const appended = await this.#broker.append(batch.map(toAppend));
      for (const [i, { waiting, partition }] of batch.entries()) {
        const base = appended[i]?.baseOffset ?? 0;
        for (const [n, { resolve }] of waiting.entries()) resolve({ partition, offset: base + n });
      }
    } catch (error) {
      for (const { waiting } of batch) for (const { reject } of waiting) reject(error);
    }
    for (const { waiting } of batch) this.#waiting -= waiting.length;
    this.#flushing = undefined;
    if (this.#ready.length > 0) this.#schedule();
  }

  #gatheredFor(record: ProducerRecord): Gathered {
    const { topic } = record;
    const partition = record.partition ?? this.#partitionFor(topic, record.key);
    const name = `${topic}/${partition}`;
    const known = this.#gathered.get(name);
    if (known !== undefined) return known;
    const gathered: Gathered = {
      topic,
      partition,
      builder: new RecordBatchBuilder(),
      closed: [],
      recordCount: 0,
      maxTimestamp: Number.NEGATIVE_INFINITY,
      waiting: [],
    };
    this.#gathered.set(name, gathered);
    this.#ready.push(gathered);
    return gathered;
  }

  #partitionFor(topic: string, key: Uint8Array | null): number {
    const count = this.#partitionCount(topic);
    if (key !== null) return partitionOf(key, count);
    this.#roundRobin = (this.#roundRobin + 1) % count;
    return this.#roundRobin;
  }

  /** A topic keeps its number of partitions; one that is missing is refused by the broker. */
  #partitionCount(topic: string): number {
    const known = this.#partitionCounts.get(topic);
    if (known !== undefined) return known;
    const count = this.#broker.describeTopic(topic)?.partitions.length;
    if (count !== undefined) this.#partitionCounts.set(topic, count);
    return count ?? 1;
  }
}

function closeBatch(gathered: Gathered): void {
  const { builder } = gathered;
  gathered.recordCount += builder.recordCount;
  gathered.maxTimestamp = Math.max(gathered.maxTimestamp, builder.maxTimestamp);
  gathered.closed.push(builder.build());
}

function toAppend(gathered: Gathered): Append {
  if (gathered.builder.recordCount > 0) closeBatch(gathered);
  const { topic, partition, closed, recordCount, maxTimestamp } = gathered;
  const [first] = closed;
  const batches = closed.length === 1 && first !== undefined ? first : Buffer.concat(closed);
  return { topic, partition, batches, recordCount, maxTimestamp };
}

function tooMany(waitingMax: number): MillraceError {
  return new MillraceError(
    'INVALID',
    `More than ${waitingMax} records are waiting to be written: await send(), or flush(), now ` +
      `and then.`,
    { retryable: true },
  );
}
