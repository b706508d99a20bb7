/**
 * When a task tells those that read from it how far it is: at once where somebody may wait for that
 * (it is busy, or no longer), else at most every 50 ms.
 */
import type { SendOperator } from '../operators/send.ts';
import type { Mark } from './mark.ts';
import { comparePlaces } from './place.ts';

const everyMs = 50;

export class Marks {
  readonly #sends: readonly SendOperator[];
  #told: Mark | undefined;
  #toldMs: number = Number.NEGATIVE_INFINITY;
  /** Whether there is something to tell. */
  #isPending = false;

  constructor(sends: readonly SendOperator[]) {
    this.#sends = sends;
  }

  /** At the end of an epoch; `hasRead`: it has read something. */
  endEpoch(mark: Mark, hasRead: boolean, now: number): void {
    if (this.#sends.length === 0) return;
    const told = this.#told;
    this.#isPending ||= hasRead || told === undefined || isNews(mark, told);
    const isDue = this.#isPending && now - this.#toldMs >= everyMs;
    if (told !== undefined && !isDue && !isUrgent(mark, told)) return;
    for (const send of this.#sends) send.tell(mark);
    this.#told = mark;
    this.#toldMs = now;
    this.#isPending = false;
  }

  /** In how many ms there is something to tell; Infinity for not yet. */
  dueInMs(now: number): number {
    if (!this.#isPending) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.#toldMs + everyMs - now);
  }
}

function isNews(mark: Mark, told: Mark): boolean {
  return (
    mark.watermark !== told.watermark ||
    mark.due !== told.due ||
    comparePlaces(mark.place, told.place) !== 0
  );
}

/** Nobody is to go on with what was told before. */
function isUrgent(mark: Mark, told: Mark): boolean {
  return (
    mark.state !== told.state ||
    mark.isIdle !== told.isIdle ||
    mark.due < told.due ||
    (mark.silence === undefined) !== (told.silence === undefined)
  );
}
