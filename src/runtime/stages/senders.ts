/**
 * The inputs of a task, merged as a single task would have met their records: by place, and where
 * that is equal in the order of the inputs. Of an input whose sender is busy and has sent nothing
 * that could be read now, something may come that belongs before: then the task waits.
 */
import { earliestOf, type PartitionInput } from '../partition-input.ts';
import type { TaskParts } from '../task-parts.ts';
import type { SharedSnapshot } from '../time/task-time.ts';
import { hear, heard, hearPlace, said, tell, tellPlace } from './mark.ts';
import {
  comparePlaces,
  firstPlace,
  lastPlace,
  type MovingPlace,
  moveTo,
  type Place,
} from './place.ts';

/** Records up to a place may be read; at it, only where that is so `atTies`. */
export interface Bound extends Place {
  readonly atTies: boolean;
}

type SendersParts = Pick<TaskParts, 'context' | 'inputs' | 'run' | 'settling' | 'time'>;

export class Senders {
  readonly #parts: SendersParts;
  readonly #inputs: readonly PartitionInput[];
  readonly #isShared: boolean;
  /** What was promised last: it never goes back. */
  readonly #promised: MovingPlace = { ...firstPlace, sent: 0 };
  #awaited: readonly PartitionInput[] | undefined;

  constructor(parts: SendersParts) {
    this.#parts = parts;
    this.#inputs = parts.inputs;
    this.#isShared = parts.inputs.some(({ sender }) => sender !== undefined);
  }

  /** The inputs that the task waits for, as of the last `boundOf`; undefined: for any. */
  get awaited(): readonly PartitionInput[] | undefined {
    return this.#awaited;
  }

  /** How many tasks send to this one. */
  get length(): number {
    return this.#isShared ? this.#inputs.length : 0;
  }

  beginEpoch(): void {
    this.#awaited = undefined;
  }

  get areBusy(): boolean {
    return this.#isShared && this.#inputs.some(({ sender }) => sender?.state === 'busy');
  }

  /** Whether nothing more comes; so it is where there are none. */
  get haveEnded(): boolean {
    return this.#inputs.every(({ sender }) => sender === undefined || sender.state === 'ended');
  }

  /** The earliest time at which something is due upstream. */
  get due(): number {
    if (!this.#isShared) return Number.POSITIVE_INFINITY;
    return Math.min(...this.#inputs.map(({ sender }) => sender?.due ?? Number.POSITIVE_INFINITY));
  }

  /** How far `first`, whose record comes first, may be read; undefined: not at all. */
  boundOf(first: number): Bound | undefined {
    this.#awaited = undefined;
    const second = earliestOf(this.#inputs, first);
    let bound = boundAt(this.#inputs[second], first < second);
    const head = this.#inputs[first];
    const { settling } = this.#parts;
    if (settling !== undefined && head !== undefined) {
      return this.#settledBound(head, bound, settling);
    }
    if (!this.#isShared || head === undefined) return bound;
    const drains = head.order === Number.POSITIVE_INFINITY;
    if (!drains && comesBefore(drainBound, bound)) bound = drainBound; // see `goOnDraining`
    for (const [index, input] of this.#inputs.entries()) {
      if (input.hasNext || index === first) continue;
      const other = isAwaited(input, drains)
        ? boundAt(input.sender?.place, first < index)
        : boundOfOthers(input);
      if (comesBefore(other, bound)) bound = other;
    }
    if (isWithin(head, bound)) return bound;
    this.#awaited = this.#inputs.filter((input) => isAwaited(input, drains));
    return undefined;
  }

  #settledBound(head: PartitionInput, next: Bound, last: Bound): Bound | undefined {
    const bound = comesBefore(last, next) ? last : next;
    if (isWithin(head, bound)) return bound;
    this.#awaited = [];
    return undefined;
  }

  /**
   * Before `first`, where others have fired it in a drain: those that have ended no longer hold
   * up event time, and it goes on with the drain of the others. Whether it may have moved.
   */
  goOnDraining(first: number): boolean {
    if (this.#inputs[first]?.order !== Number.POSITIVE_INFINITY) return false;
    this.beginDrain();
    const { time } = this.#parts;
    for (const [index, input] of this.#inputs.entries()) {
      const { hasNext, sender } = input;
      if (hasNext) time.sawNext(index, this.progressOf(input));
      else if (sender?.state === 'ended') time.letGo(index);
      else if (sender?.place.order === Number.POSITIVE_INFINITY) {
        time.sawNext(index, sender.place.rank + 1);
      }
    }
    time.merge();
    return true;
  }

  /**
   * The event time to which an input comes with its record. Before the drain is reached, that of
   * the time before it.
   */
  progressOf({ order, rank, progress }: PartitionInput): number {
    const drains = this.#isDraining && order === Number.POSITIVE_INFINITY;
    return drains ? Math.floor(rank) : progress;
  }

  get #isDraining(): boolean {
    return this.#parts.context.place.order === Number.POSITIVE_INFINITY;
  }

  /** From here on all that fires does so because the job is drained. */
  beginDrain(): void {
    if (this.#isDraining) return;
    const { context, time } = this.#parts;
    context.settledBeforeDrain = time.settled;
    moveTo(context.place, drainBound);
  }

  /**
   * What the task sends from here on has this place or a later one; `now`: where it is, `due`:
   * where what is due next will be.
   */
  nextPlace(now: Place, due: Place | undefined): Place {
    let next = due;
    for (const input of this.#inputs) {
      const place = input.hasNext ? input : isAwaited(input) ? input.sender?.place : undefined;
      if (place === undefined || (next !== undefined && comparePlaces(place, next) >= 0)) continue;
      next = placeOf(place);
    }
    moveTo(this.#promised, now);
    if (next !== undefined) moveTo(this.#promised, next);
    return placeOf(this.#promised);
  }

  snapshot(receiversAt: number): SharedSnapshot {
    const { place, settledBeforeDrain: settled } = this.#parts.context;
    const senders = this.#inputs.flatMap(({ name, told }) =>
      told === undefined ? [] : [[name, tell(told)] as const],
    );
    return {
      place: tellPlace(place),
      sent: place.sent,
      run: this.#parts.run,
      ...(settled === undefined ? {} : { settledBeforeDrain: said(settled) }),
      receiversAt: said(receiversAt),
      senders: Object.fromEntries(senders),
    };
  }

  /** Where the task goes on; after a drain that has ended it begins anew. */
  restore(snapshot: SharedSnapshot | undefined): void {
    const { context, run, time } = this.#parts;
    const place = snapshot && hearPlace(snapshot.place);
    if (place !== undefined && (place.order < Number.POSITIVE_INFINITY || snapshot?.run === run)) {
      moveTo(context.place, place);
      context.place.sent = snapshot?.sent ?? 0;
      context.settledBeforeDrain =
        snapshot?.settledBeforeDrain && heard(snapshot.settledBeforeDrain);
    }
    for (const [index, input] of this.#inputs.entries()) {
      if (input.sender === undefined) continue;
      const told = snapshot?.senders[input.name];
      if (told !== undefined) input.hear(hear(told));
      if (told === undefined || input.sender !== input.told) time.await(index);
    }
  }
}

export function isWithin(place: Place, bound: Bound): boolean {
  if (place.order !== bound.order) return place.order < bound.order;
  const before = comparePlaces(place, bound);
  return before < 0 || (before === 0 && bound.atTies);
}

/**
 * Whether something may come that nobody knows of yet: in a drain, from all who have not said that
 * they have ended.
 */
function isAwaited({ hasNext, sender }: PartitionInput, drains = false): boolean {
  if (hasNext || sender === undefined) return false;
  return sender.state === 'busy' || (drains && sender.state === 'caught up');
}

export const noBound: Bound = { ...lastPlace, atTies: true };

/** Before all that comes in a drain. */
const drainBound: Bound = { ...firstPlace, order: Number.POSITIVE_INFINITY, atTies: false };

/** Of an input for which nobody waits now: in a drain somebody will. */
function boundOfOthers({ sender }: PartitionInput): Bound {
  return sender === undefined || sender.state === 'ended' ? noBound : drainBound;
}

function boundAt(place: Place | undefined, atTies: boolean): Bound {
  return place === undefined ? noBound : { ...placeOf(place), atTies };
}

/** Of an input too, which moves. */
function placeOf({ order, rank, task, turn, path }: Place): Place {
  return { order, rank, task, turn, path };
}

function comesBefore(a: Bound, b: Bound): boolean {
  const before = comparePlaces(a, b);
  return before < 0 || (before === 0 && !a.atTies);
}
