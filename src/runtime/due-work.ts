/**
 * What is to be done between two records: windows and timers that the watermark or the clock has
 * made due, and results that steps have waited for. One at a time, so that a turn can end between
 * any two of them.
 *
 *   event time first    in its order; at one time upstream operators before those behind them
 *   then one result     it may let event time go on for the steps behind
 *   then one timer      of processing time
 *   ... and again from the start
 */
import { assert } from '../platform/index.ts';
import { CameOf } from './attempted.ts';
import type { EpochCounts } from './epoch-limit.ts';
import { policyOf } from './graph.ts';
import type { TimedOperator } from './operator.ts';
import type { MapAsyncOperator } from './operators/map-async.ts';
import type { PartitionInput } from './partition-input.ts';
import type { RecordErrors } from './record-errors.ts';
import { firedAt, firingPlace, type Place, recordRank, takeTurn } from './stages/place.ts';
import type { TaskParts } from './task-parts.ts';

type DueWorkParts = Pick<
  TaskParts,
  | 'asking'
  | 'broker'
  | 'chain'
  | 'context'
  | 'index'
  | 'lagMs'
  | 'limit'
  | 'nowFollowsRecords'
  | 'time'
>;

export class DueWork {
  readonly #parts: DueWorkParts;
  readonly #errors: RecordErrors;
  #done: EpochCounts & { fired: number } = { records: 0, fired: 0 };
  #endsFiring = false;
  #movesTime = false;
  /** Results have left: steps behind are to come to the time that is let through now. */
  #isReleasing: boolean;

  constructor(parts: DueWorkParts, errors: RecordErrors) {
    this.#parts = parts;
    this.#errors = errors;
    this.#isReleasing = parts.asking.length > 0;
  }

  /** Counts what fires in `done`. */
  beginEpoch(done: EpochCounts & { fired: number }): void {
    this.#done = done;
    this.#movesTime = false;
  }

  beginTurn(): void {
    this.#endsFiring = false;
  }

  /** Whether the turn has ended while it fired. */
  get endsFiring(): boolean {
    return this.#endsFiring;
  }

  /** Whether the epoch has done something that event time had made due, or held up. */
  get movesTime(): boolean {
    return this.#movesTime;
  }

  isDueAt(now: number): boolean {
    const { chain, time, asking } = this.#parts;
    if (this.#isReleasing || asking.leaving !== undefined) return true;
    return chain.timed.isDueAt(time.watermark, now);
  }

  /**
   * Does what is due before the next record: because the watermark or the clock has moved, because
   * an answer has come, or because a record or timer has set a timer for a time that has passed.
   * False where time is up, or something is to be tried again.
   */
  run(): boolean {
    const { time, context } = this.#parts;
    if (time.watermark !== time.settled && !this.#fireEvents()) return false;
    while (this.isDueAt(context.now)) {
      if (!this.#fireEvents() || !this.#doNext()) return false;
    }
    return true;
  }

  /**
   * Before a record: what is due by its timestamp, in a replay; and before something that another
   * task has fired, what is due at the same time for steps before that one, for upstream steps come
   * first then. False where time is up.
   */
  runBefore(input: PartitionInput): boolean {
    const { nowFollowsRecords, context } = this.#parts;
    const hasFired = input.rank !== recordRank && !input.isPartial; // partials are on their way
    if (hasFired && !this.#runStepsBefore(input)) return false;
    if (!nowFollowsRecords || input.timestamp <= context.now) return true;
    context.now = input.timestamp;
    return this.run();
  }

  #runStepsBefore(place: Place): boolean {
    const { time, chain, lagMs } = this.#parts;
    const fired = firedAt(place, lagMs);
    if (time.watermark !== fired.time - 1) return true;
    const areBefore = (operator: TimedOperator) => (chain.ranks.get(operator) ?? 0) < fired.step;
    return chain.timed.advanceThose(fired.time, areBefore, (of) => this.#fire(of, 'event'));
  }

  /** Brings the operators to the task's watermark; false where time is up. */
  #fireEvents(): boolean {
    const { time, chain } = this.#parts;
    const fire = (operator: TimedOperator) => this.#fire(operator, 'event');
    if (!chain.timed.advance(time.watermark, fire)) return false;
    this.#isReleasing = false;
    time.settled = time.watermark;
    return true;
  }

  #doNext(): boolean {
    const { chain, context, asking } = this.#parts;
    const { leaving } = asking;
    if (leaving !== undefined) return this.#deliver(leaving);
    const due = chain.timed.firstProcessing(context.now);
    return due === undefined || this.#fire(due, 'processing');
  }

  #fire(operator: TimedOperator, kind: 'event' | 'processing'): boolean {
    this.#errors.enter(undefined);
    this.#movesTime ||= kind === 'event';
    this.#parts.context.origin = undefined;
    this.#place(operator, kind);
    if (kind === 'event') operator.fireEvent();
    else operator.fireProcessing();
    return this.#counted();
  }

  /** What fires by the clock stands where the task is; what event time made due, at its time. */
  #place(operator: TimedOperator, kind: 'event' | 'processing'): void {
    const { context, time, chain, index: task, lagMs } = this.#parts;
    context.settled = time.settled;
    if (kind === 'processing') {
      this.#takeTurn();
      return;
    }
    const due = Math.ceil(operator.nextEventTime());
    const drains = context.place.order === Number.POSITIVE_INFINITY;
    const step = chain.ranks.get(operator) ?? 0;
    const { order, rank } = firingPlace(due, { step, task, lagMs }, drains);
    takeTurn(context.place, order, rank, task);
    if (due - 1 > time.settled) context.settled = due - 1;
  }

  /** The next one where the task is. */
  #takeTurn(): void {
    const { context, index } = this.#parts;
    takeTurn(context.place, context.place.order, context.place.rank, index);
  }

  /** Passes on the next result of a step. */
  #deliver(step: MapAsyncOperator): boolean {
    const { broker, chain, context, time } = this.#parts;
    const call = step.leaving;
    assert(call !== undefined, 'the step has a result');
    const { origin, failure } = call;
    const delivery = origin && new CameOf(broker, call, origin);
    const [policy] = chain.sources.flatMap(({ node }) => policyOf(node, origin?.topic ?? '') ?? []);
    context.settled = time.settled;
    this.#takeTurn();
    this.#errors.enter(delivery);
    if (delivery === undefined || policy === undefined) {
      step.deliver(call);
    } else {
      // What has failed fails again, however often it is passed on.
      const tried = failure === undefined ? policy : { ...policy, retry: undefined };
      if (!this.#errors.run(delivery, tried, () => step.deliver(call))) return false;
    }
    step.close(call);
    this.#isReleasing = true;
    this.#movesTime = true;
    return this.#counted();
  }

  #counted(): boolean {
    this.#errors.leave();
    this.#done.fired++;
    this.#endsFiring = this.#parts.limit.endsAfterFiring(this.#done);
    return !this.#endsFiring;
  }
}
