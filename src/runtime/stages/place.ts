/**
 * Where a record stands in the one order in which a single task would have met it. Tasks pass it on
 * with each record, so that whoever reads from several of them can merge as that task would have:
 *
 *   order   the event time to which the merge of the job's sources had come: the highest so far
 *   rank    among equals: what fires comes before the records there, by the step that fires
 *   task    among equals: whose it is, of the tasks that read sources, or that run the step
 *   turn    among those: how many that task had there before
 *   path    among what came of that: the how manieth that was sent of it, by each task on its way
 *
 * Something due at time t fires when the watermark passes t, which is just before the first record
 * at t + out-of-orderness + 1: that is its order. At the end of a drain there are no more records:
 * the order is infinite, and times rank. Tasks own neighbouring partitions, and neighbouring groups
 * of keys, so that their order is the one in which a single task meets ties, and fires keys.
 *
 * What comes of a record in another task keeps the record's place, with a longer path. A single
 * task does all that comes of one thing before it goes on to the next one, and that is the order of
 * paths: so branches of a stream that meet again do so as they would have there.
 */
export interface Place {
  readonly order: number;
  readonly rank: number;
  readonly task: number;
  readonly turn: number;
  readonly path: readonly number[];
}

/** Where a task is. */
export interface MovingPlace extends PlaceParts {
  /** How many records it has sent there. */
  sent: number;
}

/** A place whose parts can be set. */
export type PlaceParts = { -readonly [Part in keyof Place]: Place[Part] };

/** Of what a task has read, or fired, itself. */
const ownPath: readonly number[] = [];

export const firstPlace: Place = {
  order: Number.NEGATIVE_INFINITY,
  rank: Number.NEGATIVE_INFINITY,
  task: 0,
  turn: 0,
  path: ownPath,
};

export const lastPlace: Place = {
  order: Number.POSITIVE_INFINITY,
  rank: Number.POSITIVE_INFINITY,
  task: Number.POSITIVE_INFINITY,
  turn: Number.POSITIVE_INFINITY,
  path: ownPath,
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
  if (a.turn !== b.turn) return a.turn - b.turn;
  return comparePaths(a.path, b.path);
}

/** What is part of another one comes first. */
function comparePaths(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Goes on to `place`, unless it is beyond it. */
export function moveTo(moving: MovingPlace, place: Place): void {
  if (comparePlaces(place, moving) <= 0) return;
  moving.order = place.order;
  moving.rank = place.rank;
  moving.task = place.task;
  moving.turn = place.turn;
  moving.path = place.path;
  moving.sent = 0;
}

/** Goes on to a record that task `task` reads: of a topic, or on its way from another task. */
export function arriveAt(moving: MovingPlace, record: Place, task: number): void {
  if (record.path.length > 0) moveTo(moving, record);
  else takeTurn(moving, record.order, record.rank, task);
}

/** The path of the first record that is sent of what a task has read, or fired, itself. */
export const firstPath: readonly number[] = [0];

/** Of the next record that is sent. Mostly it is the first one, and needs no array of its own. */
export function nextPath(moving: MovingPlace): readonly number[] {
  if (moving.path.length === 0 && moving.sent === 0) {
    moving.sent = 1;
    return firstPath;
  }
  return [...moving.path, moving.sent++];
}

/** Goes on to the next thing that task `task` itself has, there or where it is already. */
export function takeTurn(moving: MovingPlace, order: number, rank: number, task: number): void {
  const isBeyond = order < moving.order || (order === moving.order && rank <= moving.rank);
  if (isBeyond) {
    if (moving.path.length > 0) return; // the place is that of another task
    moving.turn++;
  } else {
    moving.order = order;
    moving.rank = rank;
    moving.task = task;
    moving.turn = 0;
    moving.path = ownPath;
  }
  moving.sent = 0;
}

/** When something was due that has fired there, and for which step: see `firingPlace`. */
export function firedAt({ order, rank }: Place, lagMs: number): { time: number; step: number } {
  if (Number.isFinite(order)) return { time: order - lagMs, step: rank };
  const time = Math.floor(rank);
  return { time, step: (rank - time) * steps };
}

/**
 * Where something comes that was sent in a drain which has ended unfinished: what fired in it as if
 * it had been due, the rest at once.
 */
export function placeAfterDrain(place: Place, lagMs: number): Pick<Place, 'order' | 'rank'> {
  if (!Number.isFinite(place.rank)) {
    return { order: Number.NEGATIVE_INFINITY, rank: recordRank };
  }
  const { time, step } = firedAt(place, lagMs);
  return firingPlace(time, { step, task: place.task, lagMs }, false);
}

/** Of what step `step` fires first at `time`, in task `task`. */
export function firingPlace(
  time: number,
  { step, task, lagMs }: { readonly step: number; readonly task: number; readonly lagMs: number },
  drains: boolean,
): Place {
  const first = { task, turn: 0, path: ownPath };
  if (drains) return { ...first, order: Number.POSITIVE_INFINITY, rank: time + step / steps };
  return { ...first, order: time + lagMs, rank: step };
}
