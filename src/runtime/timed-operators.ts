/**
 * The operators of a task that have something that becomes due, and how far event time has come for
 * each: as far as for the task, but not beyond what a `mapAsync` step before it holds back.
 *
 * Time goes on in order. Of all that is due the earliest comes first, whichever operator has it; at
 * one time upstream ones come before those behind them. So what an operator sees, and in which
 * order, does not depend on how far the task's watermark moves at once.
 *
 *   watermark 10 -> 40     due: A at 20 and 30, B behind it at 20 and 25
 *
 *   fires     A 20   B 20   B 25   A 30
 *   A at      20     20     25     30     40
 *   B at      19     20     25     29     40     what A emits at 20 and 30 is not late there
 */
import type { TimedOperator } from './operator.ts';
import type { MapAsyncOperator } from './operators/map-async.ts';

export interface HeldOperator {
  readonly operator: TimedOperator;
  /** The steps before it that wait for answers. */
  readonly heldBy: readonly MapAsyncOperator[];
  /** Whether it goes before all others once it has something to do, wherever it stands. */
  readonly goesFirst: boolean;
}

const nothing = -1;

export class TimedOperators {
  /** Upstream ones first. */
  readonly #operators: readonly HeldOperator[];
  readonly #isHeld: boolean;
  /** When that is due which `#firstDue` has found. */
  #dueTime: number = Number.POSITIVE_INFINITY;

  constructor(operators: readonly HeldOperator[]) {
    this.#operators = operators;
    this.#isHeld = operators.some(({ heldBy }) => heldBy.length > 0);
  }

  get length(): number {
    return this.#operators.length;
  }

  /**
   * Brings all operators to a watermark, firing what is due in the order of its time; false once
   * `fire` says that time is up. Then it goes on with the next call, or in another process: where
   * each stands is in the snapshot.
   */
  advance(watermark: number, fire: (operator: TimedOperator) => boolean): boolean {
    let index = this.#firstDue(0, watermark);
    while (index !== nothing) {
      const time = this.#dueTime;
      const { operator } = this.#at(index);
      this.#comeTo(time, index, watermark);
      let next = index;
      while (next === index && this.#dueTime === time) {
        if (!fire(operator)) return false;
        next = this.#firstDue(index, watermark); // what fires gives nothing to those upstream
      }
      const goesOn = next !== nothing && this.#dueTime <= time && Number.isFinite(time);
      index = goesOn ? next : this.#firstDue(0, watermark);
    }
    this.#comeTo(watermark, this.#operators.length - 1, watermark);
    return true;
  }

  /**
   * Where all stand just before `time`: brings those before a step to it, firing what is due for
   * them; false once `fire` says that time is up.
   */
  advanceThose(
    time: number,
    areBefore: (operator: TimedOperator) => boolean,
    fire: (operator: TimedOperator) => boolean,
  ): boolean {
    for (const held of this.#operators) {
      const { operator } = held;
      if (!areBefore(operator) || this.#watermarkOf(held, time) < time) continue;
      if (operator.watermark < time) operator.watermark = time;
      while (operator.nextEventTime() <= time) if (!fire(operator)) return false;
    }
    return true;
  }

  /** Whether anything is due, now that the task has come to a watermark and a clock reading. */
  isDueAt(watermark: number, now: number): boolean {
    for (const held of this.#operators) {
      const { operator } = held;
      if (operator.nextEventTime() <= this.#watermarkOf(held, watermark)) return true;
      if (operator.nextProcessingTime() <= now) return true;
    }
    return false;
  }

  /** The first one with something that the clock has made due. */
  firstProcessing(now: number): TimedOperator | undefined {
    return this.#operators.find(({ operator }) => operator.nextProcessingTime() <= now)?.operator;
  }

  /** The earliest event time at which something is due that only event time holds up. */
  nextEventTime(watermark: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const held of this.#operators) {
      if (this.#isHeld && this.#watermarkOf(held, watermark) < watermark) continue;
      next = Math.min(next, held.operator.nextEventTime());
    }
    return next;
  }

  lastEventTime(): number {
    let last = Number.NEGATIVE_INFINITY;
    for (const { operator } of this.#operators) last = Math.max(last, operator.lastEventTime());
    return last;
  }

  nextProcessingTime(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { operator } of this.#operators) {
      next = Math.min(next, operator.nextProcessingTime());
    }
    return next;
  }

  /** Where event time stands for each by name; undefined where that is `settled` for all. */
  snapshot(settled: number): Readonly<Record<string, number | null>> | undefined {
    if (this.#operators.every(({ operator }) => operator.watermark === settled)) return undefined;
    return Object.fromEntries(
      this.#operators.map(({ operator: { step, watermark } }) => {
        return [step.name, watermark === Number.NEGATIVE_INFINITY ? null : watermark];
      }),
    );
  }

  /** As of a snapshot; `settled` for those that it does not know. */
  restore(settled: number, snapshot: Readonly<Record<string, number | null>> = {}): void {
    for (const { operator } of this.#operators) {
      const own = snapshot[operator.step.name];
      operator.watermark = own === undefined ? settled : (own ?? Number.NEGATIVE_INFINITY);
    }
  }

  /**
   * The operator with the earliest that is due, of those from `from` on; sets `#dueTime`. Asked for
   * each record, and for each entry that fires.
   */
  #firstDue(from: number, watermark: number): number {
    let first = nothing;
    let time = Number.POSITIVE_INFINITY;
    for (let i = from; i < this.#operators.length; i++) {
      const held = this.#at(i);
      const next = held.operator.nextEventTime();
      if (next > watermark || next > this.#watermarkOf(held, watermark)) continue;
      if (next >= time && !held.goesFirst) continue;
      first = i;
      time = next;
    }
    this.#dueTime = time;
    return first;
  }

  /** Up to `last` operators come to a time, those behind to the one before; nobody goes back. */
  #comeTo(time: number, last: number, watermark: number): void {
    for (let i = 0; i < this.#operators.length; i++) {
      const held = this.#at(i);
      // Watermarks are whole numbers, even where what a session waits for is none.
      const reached = i <= last ? time : Math.ceil(time) - 1;
      const own = this.#isHeld ? Math.min(reached, this.#watermarkOf(held, watermark)) : reached;
      if (own > held.operator.watermark) held.operator.watermark = own;
    }
  }

  #at(index: number): HeldOperator {
    return this.#operators[index] as HeldOperator; // indices are below the length
  }

  #watermarkOf({ heldBy }: HeldOperator, watermark: number): number {
    let own = watermark;
    for (const { held } of heldBy) if (held < own) own = held;
    return own;
  }
}
