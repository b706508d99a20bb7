/**
 * What moves a task's event time besides records: the clock, where streams are silent, and a drain.
 * It is decided once for each epoch, and recorded with it.
 */
import type { DueWork } from '../due-work.ts';
import type { EpochRecord } from '../epoch-record.ts';
import type { Senders } from '../stages/senders.ts';
import type { TaskParts } from '../task-parts.ts';

export type Decided = Pick<EpochRecord, 'idle' | 'watermark'>;

export const nothingDecided: Decided = { idle: undefined, watermark: undefined };

/** How often a task that waits for others looks after them, in ms. */
const othersPollMs = 100;

type DecisionParts = Pick<
  TaskParts,
  'asking' | 'chain' | 'clock' | 'context' | 'inputs' | 'recorder' | 'sharing' | 'time'
>;

export class TimeDecisions {
  readonly #parts: DecisionParts;
  readonly #senders: Senders;
  readonly #due: DueWork;
  /** Steps that a drain may still take. */
  #draining = 0;

  constructor(parts: DecisionParts, senders: Senders, due: DueWork) {
    this.#parts = parts;
    this.#senders = senders;
    this.#due = due;
  }

  /** Lets event time run to the end of what is waiting, once all input is read. */
  drain(): void {
    const { chain } = this.#parts;
    this.#senders.beginDrain();
    this.#draining = chain.timed.length + 1; // fired results may wait again
  }

  get isDraining(): boolean {
    return this.#draining > 0;
  }

  get drained(): boolean {
    if (this.#parts.asking.isOpen) return false;
    return this.#draining === 0 || this.nextEventTime() === Number.POSITIVE_INFINITY;
  }

  /** Who is idle, and how far time goes without records; `now`: the clock that never goes back. */
  decide(now: number): Decided {
    const { context, inputs, time, recorder, asking, sharing } = this.#parts;
    time.updateIdleness(now, () => sharing?.haveAllCaughtUp() ?? true);
    const idle = recorder?.idleness();
    const nothingNew = inputs.every((input) => !input.hasNext);
    const quiet = time.quietWatermark(now, nothingNew, this.#lastQuietTime());
    if (quiet > time.watermark && quiet >= this.nextEventTime()) return { idle, watermark: quiet };
    const isWaiting = asking.isOpen || this.#due.isDueAt(context.now);
    const drains = this.#draining > 0 && nothingNew && !isWaiting;
    return { idle, watermark: drains ? this.#drainStep() : undefined };
  }

  /** In how many ms the clock makes something due; Infinity for never. */
  wakeInMs(): number {
    const { chain, time, clock, sharing } = this.#parts;
    // What event time can't reach in silence waits for a record, not for the clock.
    const next = this.nextEventTime();
    const reached = next <= this.#lastQuietTime() ? next : Number.POSITIVE_INFINITY;
    const wake = time.wakeInMs(clock.monotonicMs(), reached);
    const waits = wake <= 0 && sharing?.haveAllCaughtUp() === false;
    const timer = chain.timed.nextProcessingTime() - clock.now();
    return Math.min(waits ? othersPollMs : wake, timer);
  }

  nextEventTime(): number {
    return this.#parts.chain.timed.nextEventTime(this.#parts.time.watermark);
  }

  /** How far a drain moves event time; undefined: nowhere. */
  #drainStep(): number | undefined {
    this.#draining--;
    const last = this.#parts.chain.timed.lastEventTime();
    return last > this.#parts.time.watermark ? last : undefined;
  }

  /** As far as the clock may move event time: not beyond what is due upstream. */
  #lastQuietTime(): number {
    return Math.min(this.#parts.chain.timed.lastEventTime(), this.#senders.due - 1);
  }
}
