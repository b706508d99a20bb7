/**
 * When a process step works on what it does: the key, and where its two times stand. One object for
 * the life of a step.
 *
 *                      event time: now     written             processing time
 *   a record           the watermark       its timestamp, or   the epoch's clock reading
 *                                          the watermark if
 *                                          that is later
 *   an event timer     what it was set     the same            the same
 *   or expiry          for
 *   a processing one   the watermark       the watermark       the same
 *
 * So what a record finds alive depends only on records that came before it, whatever the order of
 * their times; and a late one does not write what is dead already.
 */
import type { StateKey } from '../../state/index.ts';

/** One of the two times, in ms. */
export interface Now {
  /** What ends until then has ended. */
  readonly now: number;
  /** When what is written is said to have been written. */
  readonly written: number;
}

export class Moment {
  key: StateKey = '';
  /** Event time of the record, or the time of the timer. */
  timestamp = 0;
  readonly event: { now: number; written: number } = { now: 0, written: 0 };
  readonly processing: { now: number; written: number } = { now: 0, written: 0 };

  /** A record is handled. */
  ofRecord(timestamp: number, watermark: number, clock: number): void {
    this.timestamp = timestamp;
    this.event.now = watermark;
    this.event.written = Math.ceil(Math.max(timestamp, watermark));
    this.#setProcessing(clock);
  }

  /** Something fires that was due at `time` in event time. */
  ofEvent(time: number, clock: number): void {
    this.timestamp = time;
    this.event.now = time;
    this.event.written = time;
    this.#setProcessing(clock);
  }

  /** Something fires that was due at `time` by the clock. */
  ofProcessing(time: number, watermark: number, clock: number): void {
    this.timestamp = time;
    this.event.now = watermark;
    this.event.written = watermark === Number.NEGATIVE_INFINITY ? time : watermark;
    this.#setProcessing(clock);
  }

  #setProcessing(clock: number): void {
    this.processing.now = clock;
    this.processing.written = Math.ceil(clock);
  }
}
