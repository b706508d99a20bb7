/**
 * The operators of a task that have something that becomes due, and how far event time has come for
 * each: as far as for the task, but not beyond what a `mapAsync` step before it holds back.
 */
import type { TimedOperator } from './operator.ts';
import type { MapAsyncOperator } from './operators/map-async.ts';

export interface HeldOperator {
  readonly operator: TimedOperator;
  /** The steps before it that wait for answers. */
  readonly heldBy: readonly MapAsyncOperator[];
}

export class TimedOperators {
  /** Upstream ones first. */
  readonly #operators: readonly HeldOperator[];
  readonly #isHeld: boolean;

  constructor(operators: readonly HeldOperator[]) {
    this.#operators = operators;
    this.#isHeld = operators.some(({ heldBy }) => heldBy.length > 0);
  }

  get length(): number {
    return this.#operators.length;
  }

  /**
   * Brings all operators to a watermark, upstream ones first, firing what is due; false once `fire`
   * says that time is up.
   */
  advance(watermark: number, fire: (operator: TimedOperator) => boolean): boolean {
    for (const held of this.#operators) {
      const { operator } = held;
      operator.watermark = this.#watermarkOf(held, watermark);
      while (operator.nextEventTime() <= operator.watermark) if (!fire(operator)) return false;
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

  /** Where event time stands for each by name; undefined where it is the same for all. */
  snapshot(): Readonly<Record<string, number | null>> | undefined {
    if (!this.#isHeld) return undefined;
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

  #watermarkOf({ heldBy }: HeldOperator, watermark: number): number {
    let own = watermark;
    for (const { held } of heldBy) if (held < own) own = held;
    return own;
  }
}
