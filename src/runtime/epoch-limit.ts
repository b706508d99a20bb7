/**
 * How far an epoch goes, and how far a turn of the event loop goes with it.
 *
 * A task asks before it reads a record and after it has fired something. Live, the clock answers; a
 * replay answers as it was recorded (replay/recorded-epochs.ts).
 */
import type { Clock } from '../platform/index.ts';

export interface EpochBudget {
  /** A turn of the event loop takes about this long at most, in ms. */
  readonly turnMs: number;
  /** With a backlog, an epoch is committed after about this long, in ms. */
  readonly epochMs: number;
  /** And after about this many bytes of output. */
  readonly epochBytes: number;
  /** And after this many records; Infinity where only tests want it. */
  readonly epochRecords: number;
}

/** What an epoch has done so far. */
export interface EpochCounts {
  readonly records: number;
  /** Windows and timers that have fired. */
  readonly fired: number;
}

export interface EpochLimit {
  beginEpoch(): void;
  beginTurn(): void;
  /** Whether the turn ends before another record is read. */
  endsBeforeRecord(done: EpochCounts): boolean;
  /** Whether the turn ends although more may be due. */
  endsAfterFiring(done: EpochCounts): boolean;
  /** Whether the epoch ends, at the end of a turn, although it is not done. */
  endsEpoch(done: EpochCounts, changes: number, outputBytes: number): boolean;
}

/** Changed entries from which an epoch is committed: encoding them is one turn. */
const changesMax = 2048;

/** Records, and entries that fire, between two looks at the clock. */
const checkEvery = 32;

/** As the clock says. */
export class ClockLimit implements EpochLimit {
  readonly #clock: Clock;
  readonly #budget: EpochBudget;
  #epochBegan = 0;
  #turnEnds = 0;

  constructor(clock: Clock, budget: EpochBudget) {
    this.#clock = clock;
    this.#budget = budget;
  }

  beginEpoch(): void {
    this.#epochBegan = this.#clock.monotonicMs();
  }

  beginTurn(): void {
    this.#turnEnds = this.#clock.monotonicMs() + this.#budget.turnMs;
  }

  endsBeforeRecord({ records }: EpochCounts): boolean {
    if (records >= this.#budget.epochRecords) return true;
    return records % checkEvery === 0 && this.#timeIsUp();
  }

  endsAfterFiring({ fired }: EpochCounts): boolean {
    return this.#budget.epochRecords === 1 || (fired % checkEvery === 0 && this.#timeIsUp());
  }

  endsEpoch({ records }: EpochCounts, changes: number, outputBytes: number): boolean {
    const { epochRecords, epochMs, epochBytes } = this.#budget;
    if (records >= epochRecords || changes >= changesMax || outputBytes >= epochBytes) return true;
    return this.#clock.monotonicMs() - this.#epochBegan >= epochMs;
  }

  #timeIsUp(): boolean {
    return this.#clock.monotonicMs() >= this.#turnEnds;
  }
}
