/** What a task tells those that read from it, besides records. */
import { firstPlace, type Place } from './place.ts';

export type SenderState =
  /** It has input that it has not read: what it will send comes in its place. */
  | 'busy'
  /** It has read all that is there: what it will send comes when it comes. */
  | 'caught up'
  /** The job is drained, and it sends nothing more. */
  | 'ended';

export interface Mark {
  readonly state: SenderState;
  /** What it sends from here on has this place or a later one. */
  readonly place: Place;
  /**
   * Nothing that it sends from here on is expected to have this event time or an earlier one. While
   * the job is drained this stands, and the place tells how far time is.
   */
  readonly watermark: number;
  /** Whether event time goes on without it. */
  readonly isIdle: boolean;
  /** The earliest event time at which something is due there, or before it. Infinity for none. */
  readonly due: number;
  /** Where its streams are silent, and time goes on by the clock. */
  readonly silence: Silence | undefined;
  /** Of which call of `run` it is: what a drain has told ends with that. */
  readonly run: string;
}

export interface Silence {
  /** For how long, in ms. */
  readonly ms: number;
  /** The watermark when that began. */
  readonly since: number;
}

/** Of a task from which nobody has heard. */
export const unknownSender: Mark = {
  state: 'busy',
  place: firstPlace,
  watermark: Number.NEGATIVE_INFINITY,
  isIdle: false,
  due: Number.POSITIVE_INFINITY,
  silence: undefined,
  run: '',
};

/** A mark as it counts in a run: what was told in the drain of another one is no more. */
export function markIn(run: string, mark: Mark): Mark {
  if (mark.place.order < Number.POSITIVE_INFINITY || mark.run === run) return mark;
  return { ...unknownSender, watermark: mark.watermark };
}

/** JSON has no infinite numbers. */
export type Told = number | '+' | '-';

/** A place as JSON keeps it. */
export type ToldPlace = readonly [
  order: Told,
  rank: Told,
  task: number,
  turn: number,
  ...path: readonly number[],
];

/** A mark as JSON keeps it. */
export type ToldMark = readonly [
  state: SenderState,
  place: ToldPlace,
  watermark: Told,
  isIdle: 0 | 1,
  due: Told,
  run: string,
  silence?: readonly [ms: number, since: Told],
];

export function tell({ state, place, watermark, isIdle, due, silence, run }: Mark): ToldMark {
  const idle = isIdle ? 1 : 0;
  const told = [state, tellPlace(place), said(watermark), idle, said(due), run] as const;
  return silence === undefined ? told : [...told, [silence.ms, said(silence.since)]];
}

export function hear([state, place, watermark, isIdle, due, run, silence]: ToldMark): Mark {
  return {
    state,
    place: hearPlace(place),
    watermark: heard(watermark),
    isIdle: isIdle === 1,
    due: heard(due),
    silence: silence && { ms: silence[0], since: heard(silence[1]) },
    run,
  };
}

export function tellPlace({ order, rank, task, turn, path }: Place): ToldPlace {
  return [said(order), said(rank), task, turn, ...path];
}

export function hearPlace([order, rank, task, turn, ...path]: ToldPlace): Place {
  return { order: heard(order), rank: heard(rank), task, turn, path };
}

export function encodeMark(mark: Mark): Uint8Array {
  return Buffer.from(JSON.stringify(tell(mark)));
}

export function decodeMark(bytes: Uint8Array): Mark {
  return hear(JSON.parse(Buffer.from(bytes).toString()) as ToldMark); // as encoded
}

export function said(value: number): Told {
  if (Number.isFinite(value)) return value;
  return value > 0 ? '+' : '-';
}

export function heard(told: Told): number {
  if (typeof told === 'number') return told;
  return told === '+' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}
