/**
 * One partition as a task reads it: one record decoded ahead, so that the task knows when in event
 * time it stands. It is read up to the end that was noted when the epoch began, and not beyond.
 */
import { type Broker, RecordCursor } from '../broker/index.ts';
import { assert, isMillraceError, MillraceError, messageOf } from '../platform/index.ts';
import type { Origin } from './asking/open-calls.ts';
import { type Attempted, type RawRecord, rawOf } from './attempted.ts';
import type { ChainSource } from './chain.ts';
import type { Key } from './operator.ts';
import {
  newPassage,
  type Passage,
  type PassageFormat,
  readPassage,
} from './stages/exchange-record.ts';
import { decodeMark, type Mark, markIn, unknownSender } from './stages/mark.ts';
import { comparePlaces, firstPlace, placeAfterDrain, recordRank } from './stages/place.ts';
import { timeMax } from './time/time-max.ts';

/** What an input needs of the log. */
export type InputLog = Pick<Broker, 'endOf' | 'read'>;

/** Records that can't be decoded are passed over so many at once, for a turn is to be short. */
const undecodableAtOnce = 256;

/** Bytes taken from the log at once. */
const readBytes = 256 * 1024;

/** Where an input begins. */
export interface InputPlace {
  readonly partition: number;
  readonly position: number;
  /** Of the tasks that send to this one, which sends what lies in the partition. Default 0. */
  readonly sender?: number;
  /** See `TaskParts`. Default: none. */
  readonly run?: string | undefined;
}

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
  /** Its place among the records of all inputs: see stages/place.ts. */
  order = 0;
  rank: number = recordRank;
  task = 0;
  turn = 0;
  path: readonly number[] = firstPlace.path;
  /** The event time to which the input has come with it: its own, or that of who sent it. */
  progress = 0;
  offset = 0;
  /** How often the record was tried without success. */
  attempts = 0;
  /** Whether `advance` has stopped among records that can't be decoded. */
  isSkipping = false;
  /** Whether the record at `offset` is passed over without being decoded; undefined: none is. */
  isPassedOver: (() => boolean) | undefined;
  /** Told of a record that can't be decoded, which is then passed over; undefined: that fails. */
  onUndecodable: ((error: unknown) => void) | undefined;

  /** What it was told last by the task that sends it its records; undefined for a topic. */
  told: Mark | undefined;
  /** What of that counts in this run. */
  sender: Mark | undefined;
  /** Whether it was told something since somebody asked. */
  #hasNews = false;
  readonly #passage: Passage | undefined;
  readonly #format: PassageFormat | undefined;
  readonly #broker: InputLog;
  readonly #run: string;
  readonly #cursor = new RecordCursor();
  /** End noted for this epoch. */
  #end = 0;
  /** Whether the cursor stands at a record that was not handed out yet. */
  #held = false;
  /** Offset after the batches in the cursor. */
  #fetched: number;

  constructor(broker: InputLog, source: ChainSource, at: InputPlace) {
    const { partition, position, sender = 0, run = '' } = at;
    this.#broker = broker;
    this.#run = run;
    this.source = source;
    const { exchange } = source.node;
    this.topic = source.node.topic.name;
    this.partition = partition;
    this.told = exchange && unknownSender;
    this.sender = this.told;
    this.#passage = exchange && newPassage();
    this.#format = exchange && { ...exchange, sender };
    this.position = position;
    this.#fetched = position;
  }

  hear(mark: Mark): void {
    this.told = mark;
    this.sender = markIn(this.#run, mark);
  }

  /** What it was told since the last call. */
  takeNews(): Mark | undefined {
    const news = this.#hasNews ? this.sender : undefined;
    this.#hasNews = false;
    return news;
  }

  /** The record that its record came of: itself, for a topic. */
  get origin(): Origin | undefined {
    return this.#passage === undefined ? this : this.#passage.origin;
  }

  /** Whether the value is what an aggregate has come to for some records. */
  get isPartial(): boolean {
    return this.#passage?.isPartial ?? false;
  }

  /** The partition of a topic that its record came from. */
  get sourcePartition(): number {
    return this.#passage?.partition ?? this.partition;
  }

  get name(): string {
    return `${this.topic}/${this.partition}`;
  }

  /** The end that was noted for this epoch. */
  get end(): number {
    return this.#end;
  }

  /** Offset behind what was taken from the log so far. */
  get fetched(): number {
    return Math.max(this.position, Math.min(this.#fetched, this.#end));
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
      this.hasNext =
        this.#passage === undefined ? this.#decodeRecord() : this.#receive(this.#passage);
    } catch (error) {
      if (this.onUndecodable === undefined) throw error;
      this.onUndecodable(error);
    }
    if (!this.hasNext) this.position = this.offset + 1;
    return this.hasNext;
  }

  /** A record on its way from another task; false for a mark. */
  #receive(passage: Passage): boolean {
    const { bytes, timestamp, valueStart: start, valueEnd: end } = this.#cursor;
    const { exchange } = this.source.node;
    const format = this.#format;
    const isPassed = exchange !== undefined && format !== undefined && start >= 0;
    assert(isPassed, 'what comes from another task has a passage');
    const valueStart = readPassage(format, bytes, { start, end, timestamp }, passage);
    if (valueStart === -1) {
      this.hear(decodeMark(bytes.subarray(start + 1, end)));
      this.#hasNews = true;
      return false;
    }
    const partial = passage.isPartial ? exchange.window?.aggregate.codec : undefined;
    const codec = partial ?? exchange.value;
    this.value = passage.isNull ? null : codec.decode(bytes, valueStart, end);
    this.key = this.#decodeKey();
    this.time = passage.time;
    this.order = passage.order;
    this.rank = passage.rank;
    if (passage.order === Number.POSITIVE_INFINITY && this.told?.run !== this.#run) {
      const { order, rank } = placeAfterDrain(passage, format.lagMs);
      this.order = order;
      this.rank = rank;
    }
    this.task = passage.task;
    this.turn = passage.turn;
    this.path = passage.path;
    this.progress = passage.watermark + 1;
    return true;
  }

  #decodeRecord(): true {
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
    this.order = this.time;
    this.progress = this.time;
    return true;
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
  for (let index = 0; index < inputs.length; index++) {
    const input = inputs[index] as PartitionInput; // below the length
    if (!input.hasNext || index === except) continue;
    const first = inputs[found];
    if (first !== undefined && comparePlaces(input, first) >= 0) continue; // ties: their order
    found = index;
  }
  return found;
}

function preview(key: Uint8Array): string {
  const text = Buffer.from(key).toString('utf8');
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);
}
