/** A result on its way out of a `mapAsync` step, as the policy of its record's source sees it. */
import { RecordCursor } from '../../broker/index.ts';
import { MillraceError } from '../../platform/index.ts';
import type { InputLog } from '../partition-input.ts';
import { type Attempted, type RawRecord, rawOf } from '../record-errors.ts';
import type { Call, Origin } from './open-calls.ts';

export class Delivery implements Attempted {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly #log: InputLog;
  readonly #call: Call;

  constructor(log: InputLog, call: Call, { topic, partition, offset }: Origin) {
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.#log = log;
    this.#call = call;
  }

  /** Kept by the call: the next try is another delivery. */
  get attempts(): number {
    return this.#call.attempts;
  }

  set attempts(attempts: number) {
    this.#call.attempts = attempts;
  }

  describe(): string {
    const { topic, partition, offset } = this;
    return `the answer for topic ${topic}, partition ${partition}, offset ${offset}`;
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
      `A call failed, and the record that should become a dead letter for it is gone ` +
        `(${this.describe()}). Let its source skip what fails, or fail; see onError.`,
    );
  }
}
