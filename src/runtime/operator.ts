/**
 * The contract between a task and the operators it runs.
 *
 * An operator receives records one at a time and passes on what it makes of them. It is
 * synchronous, and does I/O nowhere: its state is in the stores it declared, and comes back with
 * them. It never looks at a clock.
 *
 * What is due (windows, timers) is handled one entry at a time, between records, when the watermark
 * or the clock has moved: by event time in the order of time, at one time upstream operators first.
 * A checkpoint may come between any two entries: whatever an operator needs to go on must be in its
 * stores.
 */
import type { StateKey } from '../state/index.ts';
import type { Origin } from './asking/open-calls.ts';
import type { MovingPlace } from './stages/place.ts';

/** The current key: as the user knows it, and as stores do. */
export interface Key {
  readonly value: unknown;
  readonly state: StateKey;
}

/** Takes records: an operator, or the end of a chain. */
export interface Receiver {
  /** `timestamp` is the event time in ms. `key` is null where the stream has none. */
  receive(value: unknown, timestamp: number, key: Key | null): void;
}

/** Takes records, and what others have made of some already: a window behind an exchange. */
export interface PartialReceiver extends Receiver {
  /**
   * Takes the accumulator of some records of a key, all of one slice, or of one window where they
   * have no slices in common; it is named by its last millisecond. The accumulator is the
   * receiver's from here on.
   */
  receivePartial(slice: number, accumulator: unknown, key: Key): void;
}

/** A step, as errors name it. */
export interface Step {
  readonly name: string;
  /** `map`, `window`, ... */
  readonly kind: string;
}

/** What the operators of a task share. */
export interface OperatorContext {
  /** The step whose user function runs: an error is reported with it. Set before each call. */
  step: Step;
  /** The epoch's clock reading, in ms since the epoch. */
  now: number;
  /** Partition of the record in work, for records without a key. */
  sourcePartition: number;
  /** The record that what is in work came of; undefined where it was due. */
  origin: Origin | undefined;
  /** Where what is in work stands in the order of all records of the job. */
  readonly place: MovingPlace;
  /** Everything that was due up to here has fired, for the steps that see what is in work. */
  settled: number;
  /** While the job is drained: where event time stood when that began. */
  settledBeforeDrain: number | undefined;
  /** The key in work, for errors. */
  key: Key | null;
  /** Late records so far. */
  late: number;
  /** Records written so far. */
  written: number;
}

/** An operator with something that becomes due. */
export interface TimedOperator {
  readonly step: Step;
  /**
   * No record at or before this time is expected any more from upstream. Set by the task: while
   * something fires that was due at t, it is t for its operator and those upstream, and t - 1 for
   * those behind.
   */
  watermark: number;
  /**
   * The earliest event time at which something is due; Infinity where there is nothing. Asked for
   * each record.
   */
  nextEventTime(): number;
  /** The earliest processing time at which something is due. */
  nextProcessingTime(): number;
  /**
   * The latest event time at which anything is waiting: a quiet stream's watermark goes no further.
   */
  lastEventTime(): number;
  /**
   * Handles the first due entry; called only while `next...Time()` is not after the watermark or
   * the clock.
   */
  fireEvent(): void;
  fireProcessing(): void;
}
