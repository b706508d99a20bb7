/**
 * One partition as a task reads it: one record decoded ahead, so that the task knows when in event
 * time it stands. It is read up to the end that was noted when the epoch began, and not beyond.
 */
import { type Broker, RecordCursor } from '../broker/index.ts';
import { isMillraceError, MillraceError, messageOf } from '../platform/index.ts';
import type { ChainSource } from './chain.ts';
import type { Key } from './operator.ts';
import { type Attempted, type RawRecord, rawOf } from './record-errors.ts';
import { timeMax } from './time/time-max.ts';

/** What an input needs of the log. */
export type InputLog = Pick<Broker, 'endOf' | 'read'>;

/** Records that can't be decoded are passed over so many at once, for a turn is to be short. */
const undecodableAtOnce = 256;

/** Bytes taken from the log at once. */
const readBytes = 256 * 1024;

export class PartitionInput implements Attempted {
  readonly topic: string;
  readonly partition: number;
  readonly source: ChainSource;
  /** Offset of the next record to process: what a commit carries. */
  position: number;
  /** Whether there is a record to process; the fields below are its. */
  hasNext = false;
  value: unknown = undefined;
  time = 0;
  key: Key | null = null;
  offset = 0;
  /** How often the record was tried without success. */
  attempts = 0;
  /** Whether `advance` has stopped among records that can't be decoded. */
  isSkipping = false;
  /** Whether the record at `offset` is passed over without being decoded; undefined: none is. */
  isPassedOver: (() => boolean) | undefined;
  /** Told of a record that can't be decoded, which is then passed over; undefined: that fails. */
  onUndecodable: ((error: unknown) => void) | undefined;

  readonly #broker: InputLog;
  readonly #cursor = new RecordCursor();
  /** End noted for this epoch. */
  #end = 0;
  /** Whether the cursor stands at a record that was not handed out yet. */
  #held = false;
  /** Offset after the batches in the cursor. */
  #fetched: number;

  constructor(broker: InputLog, source: ChainSource, partition: number, position: number) {
    this.#broker = broker;
    this.source = source;
    this.topic = source.node.topic.name;
    this.partition = partition;
    this.position = position;
    this.#fetched = position;
  }

  get name(): string {
    return `${this.topic}/${this.partition}`;
  }

  /** The end that was noted for this epoch. */
  get end(): number {
    return this.#end;
  }

  /** Of the record that it stands at, as it lies in its topic. */
  get timestamp(): number {
    return this.#cursor.timestamp;
  }

  /** Notes the committed end, and looks at the next record if there is none yet. */
  noteEnd(): void {
    this.#end = this.#broker.endOf(this);
    if (!this.hasNext) this.advance();
  }

  /** Moves on from the current record, which has been processed. */
  consume(): void {
    this.position = this.offset + 1;
    this.attempts = 0;
    this.advance();
  }

  /**
   * Decodes the next record before the noted end. Those that can't be decoded are passed over, but
   * not too many at once.
   */
  advance(): void {
    this.hasNext = false;
    this.isSkipping = false;
    for (let passed = 0; passed < undecodableAtOnce; ) {
      if (!this.#held && !this.#cursor.next()) {
        if (!this.#fetch()) return;
        continue;
      }
      this.#held = this.#cursor.offset >= this.#end; // committed since: for the next epoch
      if (this.#held) return;
      if (this.#cursor.offset < this.position) continue;
      if (this.#decode()) return;
      passed++;
    }
    this.isSkipping = true;
  }

  /** The record that it stands at, as it lies in its topic; not copied. */
  raw(): RawRecord {
    return rawOf(this.#cursor);
  }

  /** `Topic/partition at offset n, key k`, for errors. */
  describe(): string {
    const { keyStart, keyEnd, bytes } = this.#cursor;
    const key = keyStart < 0 ? 'none' : preview(bytes.subarray(keyStart, keyEnd));
    return (
      `topic ${this.topic}, partition ${this.partition}, offset ${this.#cursor.offset}, ` +
      `key ${key}`
    );
  }

  #fetch(): boolean {
    if (this.#fetched >= this.#end) return false;
    const from = Math.max(this.#fetched, this.position);
    const batches = this.#broker.read(this, from, readBytes);
    if (batches === undefined) return false;
    this.#cursor.reset(batches.bytes, batches.placeOf);
    this.#fetched = this.#cursor.endOffset();
    return true;
  }

  /** False where that fails, and the record is passed over. */
  #decode(): boolean {
    this.offset = this.#cursor.offset;
    if (this.isPassedOver?.() === true) {
      this.position = this.offset + 1;
      return false;
    }
    try {
      this.#decodeRecord();
      this.hasNext = true;
    } catch (error) {
      if (this.onUndecodable === undefined) throw error;
      this.onUndecodable(error);
      this.position = this.offset + 1;
    }
    return this.hasNext;
  }

  #decodeRecord(): void {
    const cursor = this.#cursor;
    const { bytes, valueStart, valueEnd } = cursor;
    const { topic, eventTime } = this.source.node;
    try {
      this.value = valueStart < 0 ? null : topic.value.decode(bytes, valueStart, valueEnd);
      this.key = this.#decodeKey();
    } catch (cause) {
      throw this.#undecodable(cause);
    }
    // A record without a value can't tell when it happened.
    const hasTime = eventTime !== undefined && valueStart >= 0;
    this.time = hasTime ? this.#eventTime(eventTime) : cursor.timestamp;
  }

  #decodeKey(): Key | null {
    const { keys, node } = this.source;
    const { bytes, keyStart, keyEnd } = this.#cursor;
    if (keys === undefined || keyStart < 0) return null;
    return keys.ofRecord(node.topic.key.decode(bytes, keyStart, keyEnd));
  }

  #eventTime(eventTime: (value: unknown) => number): number {
    let time: unknown;
    try {
      time = eventTime(this.value);
    } catch (cause) {
      throw new MillraceError(
        'USER_FUNCTION',
        `The eventTime function of from(${this.topic}) threw: ${messageOf(cause)} ` +
          `(${this.describe()}).`,
        { cause },
      );
    }
    if (typeof time === 'number' && Math.abs(time) <= timeMax) return Math.floor(time) + 0; // no -0
    throw new MillraceError(
      'USER_FUNCTION',
      `The eventTime function of from(${this.topic}) returned ${String(time)} ` +
        `(${this.describe()}). ` +
        'It must return milliseconds since the epoch, as a number.',
    );
  }

  #undecodable(cause: unknown): MillraceError {
    const { value } = this.source.node.topic;
    const code = isMillraceError(cause) ? cause.code : 'DECODE';
    return new MillraceError(
      code,
      `A record can't be decoded as ${value.name}: ${messageOf(cause)} (${this.describe()}). ` +
        'Correct the codec of the topic, or whoever writes it; the job goes on at this record.',
      { cause },
    );
  }
}

/** The input whose next record comes first, besides `except`; -1 where there is none. */
export function earliestOf(inputs: readonly PartitionInput[], except: number): number {
  let found = -1;
  let time = Number.POSITIVE_INFINITY;
  for (let index = 0; index < inputs.length; index++) {
    const input = inputs[index] as PartitionInput; // below the length
    if (!input.hasNext || index === except) continue;
    if (found !== -1 && input.time >= time) continue; // ties: topic, partition
    found = index;
    time = input.time;
  }
  return found;
}

function preview(key: Uint8Array): string {
  const text = Buffer.from(key).toString('utf8');
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);
}
