/**
 * Where a record stands in the one order in which a single task would have met it. Tasks pass it on
 * with each record, so that whoever reads from several of them can merge as that task would have:
 *
 *   order   the event time to which the merge of the job's sources had come: the highest so far
 *   rank    among equals: what fires comes before the records there, by the step that fires
 *
 * Something due at time t fires when the watermark passes t, which is just before the first record
 * at t + out-of-orderness + 1: that is its order. At the end of a drain there are no more records:
 * the order is infinite, and times rank. Where both are equal, the tasks' own order decides.
 */
export interface Place {
  readonly order: number;
  readonly rank: number;
}

/** A place that moves. */
export interface MovingPlace {
  order: number;
  rank: number;
}

export const firstPlace: Place = {
  order: Number.NEGATIVE_INFINITY,
  rank: Number.NEGATIVE_INFINITY,
};
export const lastPlace: Place = {
  order: Number.POSITIVE_INFINITY,
  rank: Number.POSITIVE_INFINITY,
};

/** Of records: they come after all that fires there. */
export const recordRank: number = Number.POSITIVE_INFINITY;

/** Steps are told apart by a fraction of a ms, which a double has for all times of this age. */
const steps = 1024;

/** Negative where `a` comes first; 0 where their tasks decide. */
export function comparePlaces(a: Place, b: Place): number {
  if (a.order !== b.order) return a.order < b.order ? -1 : 1;
  if (a.rank !== b.rank) return a.rank < b.rank ? -1 : 1;
  return 0;
}

/** Goes on to `place`, unless it is beyond it. */
export function moveTo(moving: MovingPlace, { order, rank }: Place): void {
  if (order < moving.order || (order === moving.order && rank <= moving.rank)) return;
  moving.order = order;
  moving.rank = rank;
}

/** Of what step `step` fires at `time`. */
export function firingPlace(time: number, step: number, lagMs: number, drains: boolean): Place {
  if (drains) return { order: Number.POSITIVE_INFINITY, rank: time + step / steps };
  return { order: time + lagMs, rank: step };
}
