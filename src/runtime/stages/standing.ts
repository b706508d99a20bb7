/**
 * How far a task is, among those that share its job: what it tells those that read from it, at once
 * where somebody may wait for that, else at most every 50 ms.
 */
import type { TaskParts } from '../task-parts.ts';
import type { SharedSnapshot } from '../time/task-time.ts';
import { heard, hearPlace, type Mark } from './mark.ts';
import { comparePlaces, firingPlace, firstPlace, type Place } from './place.ts';
import type { Senders } from './senders.ts';

const tellEveryMs = 50;

/** How exactly a task knows how long it has been silent, and how long it was stopped, in ms. */
const silenceToleranceMs = 1000;
const stopToleranceMs = 3_600_000;

type StandingParts = Pick<
  TaskParts,
  'chain' | 'clock' | 'context' | 'index' | 'lagMs' | 'run' | 'settling' | 'time'
>;

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
  #receiversAt: number = Number.NEGATIVE_INFINITY;
  /** When it has read something last. */
  #readMs: number;

  constructor(parts: StandingParts, senders: Senders) {
    this.#parts = parts;
    this.#readMs = parts.clock.monotonicMs();
    this.#senders = senders;
  }

  /**
   * Receivers may be ahead of the task: where the streams are silent their event time goes on with
   * the clock, as far as the silence is long; and while the task was idle they did not wait for it,
   * so nobody knows. What ends before is not aggregated on its way to them: it may be late there.
   */
  beginEpoch(now: number): void {
    const { chain, time } = this.#parts;
    if (chain.partials.length === 0) return;
    const silentMs = now - this.#readMs;
    if (this.#isClocked) this.#aheadAt(time.settled + silentMs + silenceToleranceMs);
  }

  /** How far receivers may be. */
  get receiversAt(): number {
    return this.#receiversAt;
  }

  /** Goes on where a task was stopped, or died, so many ms ago. */
  restore(snapshot: SharedSnapshot | undefined, stoppedMs: number): void {
    if (snapshot === undefined) return;
    this.#aheadAt(heard(snapshot.receiversAt));
    const { time, run } = this.#parts;
    const hasDrained = hearPlace(snapshot.place).order === Number.POSITIVE_INFINITY;
    if (hasDrained && snapshot.run !== run) this.#aheadAt(Number.POSITIVE_INFINITY);
    if (this.#isClocked) this.#aheadAt(time.settled + Math.max(0, stoppedMs) + stopToleranceMs);
    if (time.isIdle) this.#aheadAt(Number.POSITIVE_INFINITY);
  }

  #aheadAt(time: number): void {
    this.#receiversAt = Math.max(this.#receiversAt, time);
    for (const partials of this.#parts.chain.partials) partials.receiversAt = this.#receiversAt;
  }

  /** Whether the clock moves event time at all. */
  get #isClocked(): boolean {
    const { sources } = this.#parts.chain;
    return sources.some(({ node }) => node.quietAfterMs < Number.POSITIVE_INFINITY);
  }

  /** With the next epoch it tells that nothing more comes. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Tells how the epoch has left the task, or not; `hasRead`: it has read something. */
  endEpoch(end: EpochEnd, hasRead: boolean, now: number): boolean {
    const { sends } = this.#parts.chain;
    if (sends.length === 0) return false;
    if (hasRead) this.#readMs = now;
    const told = this.#told;
    const mark = this.#mark(end, now);
    this.#isPending ||= hasRead || told === undefined || isNews(mark, told);
    const isDue = this.#isPending && this.tellsInMs(now) <= 0;
    if (told !== undefined && !isDue && !isUrgent(mark, told)) return false;
    for (const send of sends) send.tell(mark);
    if (mark.isIdle) this.#aheadAt(Number.POSITIVE_INFINITY);
    this.#told = mark;
    this.#toldMs = now;
    this.#isPending = false;
    return true;
  }

  /** In how many ms there is something to tell; Infinity for not yet. */
  tellsInMs(now: number): number {
    if (!this.#isPending) return Number.POSITIVE_INFINITY;
    if (this.#parts.settling !== undefined) return 0;
    return Math.max(0, this.#toldMs + tellEveryMs - now);
  }

  #mark({ hasCaughtUp, drains, due }: EpochEnd, now: number): Mark {
    const { context, time, run } = this.#parts;
    const isDraining = drains || this.#hasEnded;
    // What was waiting for the end is still to come.
    const isEnding = isDraining || (this.#senders.length > 0 && this.#senders.haveEnded);
    const state = hasCaughtUp && !isEnding ? 'caught up' : 'busy';
    return {
      state: this.#hasEnded ? 'ended' : state,
      place: this.#nextPlace(isDraining),
      watermark: context.settledBeforeDrain ?? time.settled,
      isIdle: time.isIdle,
      due: Math.min(due, this.#senders.due),
      silence: time.silence(now),
      run,
    };
  }

  /** What it sends from here on has this place or a later one. */
  #nextPlace(isDraining: boolean): Place {
    const { context, time } = this.#parts;
    if (isDraining) {
      return { ...firstPlace, order: Number.POSITIVE_INFINITY, rank: time.settled };
    }
    return this.#senders.nextPlace(context.place, this.#nextFiring());
  }

  /** The place of what is due next by event time; undefined where nothing is. */
  #nextFiring(): Place | undefined {
    const { chain, index: task, lagMs } = this.#parts;
    let first: Place | undefined;
    for (const [operator, step] of chain.ranks) {
      const time = Math.ceil(operator.nextEventTime());
      if (time === Number.POSITIVE_INFINITY) continue;
      const place = firingPlace(time, { step, task, lagMs }, false);
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
