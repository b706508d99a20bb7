/**
 * How far a task is, among those that share its job: what it tells those that read from it, at once
 * where somebody may wait for that, else at most every 50 ms.
 */
import type { TaskParts } from '../task.ts';
import type { Mark } from './mark.ts';
import { comparePlaces, firingPlace, type Place } from './place.ts';
import type { Senders } from './senders.ts';

const tellEveryMs = 50;

type StandingParts = Pick<TaskParts, 'chain' | 'context' | 'lagMs' | 'time'>;

/** How an epoch has ended. */
export interface EpochEnd {
  /** Whether everything was read, and nobody has more to send. */
  readonly hasCaughtUp: boolean;
  readonly drains: boolean;
  /** When something is due next. */
  readonly due: number;
}

export class Standing {
  readonly #parts: StandingParts;
  readonly #senders: Senders;
  #hasEnded = false;
  #told: Mark | undefined;
  #toldMs: number = Number.NEGATIVE_INFINITY;
  /** Whether there is something to tell. */
  #isPending = false;

  constructor(parts: StandingParts, senders: Senders) {
    this.#parts = parts;
    this.#senders = senders;
  }

  /** With the next epoch it tells that nothing more comes. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Tells how the epoch has left the task; `hasRead`: it has read something. */
  endEpoch(end: EpochEnd, hasRead: boolean, now: number): void {
    const { sends } = this.#parts.chain;
    if (sends.length === 0) return;
    const told = this.#told;
    const mark = this.#mark(end, now);
    this.#isPending ||= hasRead || told === undefined || isNews(mark, told);
    const isDue = this.#isPending && now - this.#toldMs >= tellEveryMs;
    if (told !== undefined && !isDue && !isUrgent(mark, told)) return;
    for (const send of sends) send.tell(mark);
    this.#told = mark;
    this.#toldMs = now;
    this.#isPending = false;
  }

  /** In how many ms there is something to tell; Infinity for not yet. */
  tellsInMs(now: number): number {
    if (!this.#isPending) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.#toldMs + tellEveryMs - now);
  }

  #mark({ hasCaughtUp, drains, due }: EpochEnd, now: number): Mark {
    const { time } = this.#parts;
    const isDraining = drains || this.#hasEnded;
    // What was waiting for the end is still to come.
    const isEnding = isDraining || (this.#senders.length > 0 && this.#senders.haveEnded);
    const state = hasCaughtUp && !isEnding ? 'caught up' : 'busy';
    return {
      state: this.#hasEnded ? 'ended' : state,
      place: this.#nextPlace(isDraining),
      watermark: time.settled,
      isIdle: time.isIdle,
      due: Math.min(due, this.#senders.due),
      silence: time.silence(now),
    };
  }

  /** What it sends from here on has this place or a later one. */
  #nextPlace(isDraining: boolean): Place {
    const { context, time } = this.#parts;
    if (isDraining) return { order: Number.POSITIVE_INFINITY, rank: time.settled };
    return this.#senders.nextPlace(context.place, this.#nextFiring());
  }

  /** The place of what is due next by event time; undefined where nothing is. */
  #nextFiring(): Place | undefined {
    const { chain, lagMs } = this.#parts;
    let first: Place | undefined;
    for (const [operator, rank] of chain.ranks) {
      const time = Math.ceil(operator.nextEventTime());
      if (time === Number.POSITIVE_INFINITY) continue;
      const place = firingPlace(time, rank, lagMs, false);
      if (first === undefined || comparePlaces(place, first) < 0) first = place;
    }
    return first;
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
