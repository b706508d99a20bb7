/**
 * Where a record stands in the one order in which a single task would have met it. Tasks pass it on
 * with each record, so that whoever reads from several of them can merge as that task would have:
 *
 *   order   the event time to which the merge of the job's sources had come: the highest so far
 *   rank    among equals: what fires comes before the records there, by the step that fires
 *   task    among equals: whose it is, of the tasks that read sources, or that run the step
 *   turn    among those: how many that task had there before
 *
 * Something due at time t fires when the watermark passes t, which is just before the first record
 * at t + out-of-orderness + 1: that is its order. At the end of a drain there are no more records:
 * the order is infinite, and times rank. Tasks own neighbouring partitions, and neighbouring groups
 * of keys, so that their order is the one in which a single task meets ties, and fires keys.
 *
 * What comes of a record in another task keeps the record's place: so two branches of a stream that
 * meet again, behind exchanges of their own, are merged record by record.
 */
export interface Place {
  readonly order: number;
  readonly rank: number;
  readonly task: number;
  readonly turn: number;
}

/** A place that moves. */
export type MovingPlace = { -readonly [Part in keyof Place]: Place[Part] };

export const firstPlace: Place = {
  order: Number.NEGATIVE_INFINITY,
  rank: Number.NEGATIVE_INFINITY,
  task: 0,
  turn: 0,
};

/** Of records: they come after all that fires there. */
export const recordRank: number = Number.POSITIVE_INFINITY;

/** Steps are told apart by a fraction of a ms, which a double has for all times of this age. */
const steps = 1024;

/** Negative where `a` comes first; 0 where the order of inputs decides. */
export function comparePlaces(a: Place, b: Place): number {
  if (a.order !== b.order) return a.order < b.order ? -1 : 1;
  if (a.rank !== b.rank) return a.rank < b.rank ? -1 : 1;
  if (a.task !== b.task) return a.task - b.task;
  return a.turn - b.turn;
}

/** Goes on to `place`, unless it is beyond it. */
export function moveTo(moving: MovingPlace, place: Place): void {
  if (comparePlaces(place, moving) <= 0) return;
  moving.order = place.order;
  moving.rank = place.rank;
  moving.task = place.task;
  moving.turn = place.turn;
}

/** Goes on to the next thing that task `task` itself has, there or where it is already. */
export function takeTurn(moving: MovingPlace, order: number, rank: number, task: number): void {
  const isBeyond = order < moving.order || (order === moving.order && rank <= moving.rank);
  if (isBeyond) {
    if (moving.task === task) moving.turn++;
    return;
  }
  moving.order = order;
  moving.rank = rank;
  moving.task = task;
  moving.turn = 0;
}

/** Of what step `step` fires first at `time`, in task `task`. */
export function firingPlace(
  time: number,
  { step, task, lagMs }: { readonly step: number; readonly task: number; readonly lagMs: number },
  drains: boolean,
): Place {
  if (drains) {
    return { order: Number.POSITIVE_INFINITY, rank: time + step / steps, task, turn: 0 };
  }
  return { order: time + lagMs, rank: step, task, turn: 0 };
}
