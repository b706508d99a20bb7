/**
 * What came of a record, as the policy of the record's source sees it: a result on its way out of a
 * `mapAsync` step, or something that another task has sent.
 */
import { type Header, RecordCursor, type TopicPartition } from '../broker/index.ts';
import { MillraceError } from '../platform/index.ts';
import type { Origin } from './asking/open-calls.ts';
import type { InputLog } from './partition-input.ts';

/** A record as it lies in its topic. */
export interface RawRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly Header[];
  readonly timestamp: number;
}

/** What may fail, and be blamed on a record: the record itself, or what came of it later. */
export interface Attempted extends TopicPartition {
  readonly offset: number;
  /** How often it was tried without success. */
  attempts: number;
  /** `Topic t, partition p, offset n, ...`, for errors. */
  describe(): string;
  /** The record as it lies in its topic; not copied. */
  raw(): RawRecord;
}

/** The record that a cursor stands at; not copied. */
export function rawOf(cursor: RecordCursor): RawRecord {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestamp } = cursor;
  return {
    key: keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd),
    value: valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd),
    headers: cursor.headers(),
    timestamp,
  };
}

/** Kept by what is tried: the next try has another object. */
export interface Tries {
  attempts: number;
}

export class CameOf implements Attempted {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly #log: InputLog;
  readonly #tries: Tries;

  constructor(log: InputLog, tries: Tries, { topic, partition, offset }: Origin) {
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.#log = log;
    this.#tries = tries;
  }

  get attempts(): number {
    return this.#tries.attempts;
  }

  set attempts(attempts: number) {
    this.#tries.attempts = attempts;
  }

  describe(): string {
    const { topic, partition, offset } = this;
    return `what came of topic ${topic}, partition ${partition}, offset ${offset}`;
  }

  /** Read again. Fails with `OFFSET_OUT_OF_RANGE` where it is gone. */
  raw(): RawRecord {
    const batches = this.#log.read(this, this.offset, 1);
    const cursor = new RecordCursor();
    if (batches !== undefined) cursor.reset(batches.bytes, batches.placeOf);
    while (batches !== undefined && cursor.next()) {
      if (cursor.offset === this.offset) return rawOf(cursor);
    }
    throw new MillraceError(
      'OFFSET_OUT_OF_RANGE',
      `What came of a record failed, and the record that should become a dead letter is gone ` +
        `(${this.describe()}). Let its source skip what fails, or fail; see onError.`,
    );
  }
}
