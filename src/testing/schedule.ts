/**
 * Schedules: how the records of an input arrive, and what happens between them.
 *
 * What a schedule may do is what must not change results. So a record may come before one of an
 * earlier event time only where the out-of-orderness of its source allows for it: then no record of
 * any partition is late because of the schedule. A silence is shorter than the one after which
 * event time goes on with the clock.
 */
import { MillraceError } from '../platform/index.ts';
import type { SourceNode } from '../runtime/index.ts';
import type { SimulatedRecord } from './simulate.ts';

export type ScheduleStep =
  /** The record of this place in the input arrives; `run`: the job works on it at once. */
  | { readonly kind: 'record'; readonly index: number; readonly run: boolean }
  /** Records of an epoch at most, from now on. */
  | { readonly kind: 'epoch'; readonly records: number }
  /** Wall-clock time without a record. */
  | { readonly kind: 'silence'; readonly ms: number }
  /** The job dies at its next commit, and is started again. */
  | { readonly kind: 'crash'; readonly at: 'before' | 'after' };

export type Schedule = readonly ScheduleStep[];

/** A record of the input, with what a schedule must know of it. */
interface Arrival {
  readonly index: number;
  readonly place: string;
  readonly time: number;
  readonly outOfOrdernessMs: number;
}

export interface Variation {
  /** Records of a partition change places. */
  readonly shuffle: boolean;
  readonly silence: boolean;
  readonly crashes: boolean;
}

/** All at once, as given: the batch. */
export function batchSchedule(count: number): Schedule {
  return Array.from({ length: count }, (_, index) => ({ kind: 'record', index, run: false }));
}

export function scheduleOf(
  input: readonly SimulatedRecord[],
  sources: readonly SourceNode[],
  random: () => number,
  variation: Variation,
): Schedule {
  const { shuffle, silence, crashes } = variation;
  const below = (bound: number) => Math.floor(random() * bound);
  const quietMs = Math.min(30_000, ...sources.map(({ quietAfterMs }) => quietAfterMs));
  const steps: ScheduleStep[] = [];
  const runs = random();
  const faults = random() * 0.4;
  for (const index of arrivalOrder(arrivalsOf(input, sources), random, shuffle)) {
    if (random() < 0.2) steps.push({ kind: 'epoch', records: 1 + below(4) });
    if (crashes && random() < faults) {
      steps.push({ kind: 'crash', at: random() < 0.5 ? 'before' : 'after' });
    }
    if (silence && quietMs > 1 && random() < 0.1) {
      steps.push({ kind: 'silence', ms: 1 + below(quietMs - 1) });
    }
    steps.push({ kind: 'record', index, run: random() < runs });
  }
  return steps;
}

function arrivalsOf(
  input: readonly SimulatedRecord[],
  sources: readonly SourceNode[],
): readonly Arrival[] {
  const highest = new Map<string, number>();
  return input.map(({ topic, value, timestamp, partition = 0 }, index) => {
    const name = typeof topic === 'string' ? topic : topic.name;
    const of = sources.filter((source) => source.topic.name === name);
    const times = of.map(({ eventTime }) => eventTime?.(value) ?? timestamp);
    const time = Math.min(...times);
    const outOfOrdernessMs = Math.min(...of.map((source) => source.outOfOrdernessMs));
    const place = `${name}/${partition}`;
    const before = highest.get(place) ?? Number.NEGATIVE_INFINITY;
    if (time < before - outOfOrdernessMs) {
      throw new MillraceError(
        'INVALID',
        `simulate(): record ${index} of the input is ${before - time} ms earlier than one before ` +
          `it in ${place}, and outOfOrderness allows for ${outOfOrdernessMs} ms. Whether it is ` +
          'late depends on how records arrive: sort the input, or give from() more ' +
          'outOfOrderness.',
      );
    }
    highest.set(place, Math.max(before, time));
    return { index, place, time, outOfOrdernessMs };
  });
}

/** An order in which nothing is late, as indexes of the input. */
function* arrivalOrder(
  arrivals: readonly Arrival[],
  random: () => number,
  shuffle: boolean,
): Generator<number> {
  const pending = new Set(arrivals);
  while (pending.size > 0) {
    let first = Number.POSITIVE_INFINITY;
    for (const { time } of pending) first = Math.min(first, time);
    const places = new Set<string>();
    const candidates: Arrival[] = [];
    for (const arrival of pending) {
      const isHead = !places.has(arrival.place);
      places.add(arrival.place);
      if (!isHead && !shuffle) continue;
      if (arrival.time <= first + arrival.outOfOrdernessMs) candidates.push(arrival);
    }
    const chosen = candidates[Math.floor(random() * candidates.length)];
    if (chosen === undefined) return;
    pending.delete(chosen);
    yield chosen.index;
  }
}
