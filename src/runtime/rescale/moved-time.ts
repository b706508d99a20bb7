/**
 * Event time, as it goes from the tasks of one layout to those of another: every new task goes on
 * where a single task would, which had read the same.
 *
 *   watermark    the highest of those that receive: none of them is beyond that of a single task.
 *                Of those that read topics the lowest, for each of them knows its own ones only
 *   settled      what is due between the lowest of them and the watermark fires first
 *   partitions   of topics: as of who read them
 *   place        the last one, of tasks that read topics
 */
import { hearPlace, said, tellPlace } from '../stages/mark.ts';
import { firstPlace, type MovingPlace, moveTo, type Place, recordRank } from '../stages/place.ts';
import type { TimeSnapshot } from '../time/task-time.ts';

export interface FormerTime {
  readonly stage: number;
  readonly snapshot: TimeSnapshot;
}

const none = Number.NEGATIVE_INFINITY;

/** A task of the new layout. */
export interface NewTask {
  readonly stage: number;
  readonly index: number;
  /** Whether it shares its job. */
  readonly isShared: boolean;
}

/** What a task begins with. */
export function movedTime(
  former: readonly FormerTime[],
  { stage, index, isShared }: NewTask,
): TimeSnapshot {
  const watermark = watermarkOf(former);
  const settled = Math.min(watermark, ...former.flatMap(({ snapshot }) => settledIn(snapshot)));
  const readers = former.filter((of) => of.stage === 0);
  const partitions = readers.flatMap(({ snapshot }) => Object.entries(snapshot.partitions));
  const { order, rank } = lastPlaceOf(former);
  const shared = {
    // Who reads topics goes on there. What is due in others may have its place before that.
    place: tellPlace(stage > 0 ? firstPlace : { ...firstPlace, order, rank, task: index }),
    sent: 0,
    run: '',
    receiversAt: said(watermark),
    senders: {},
  };
  return {
    watermark: finiteOrNull(watermark),
    settled: finiteOrNull(settled),
    partitions: stage === 0 ? Object.fromEntries(partitions) : {},
    ...(isShared ? { shared } : {}),
  };
}

/** The last place to which the tasks that read topics have come. */
export function lastPlaceOf(former: readonly FormerTime[]): Place {
  const place: MovingPlace = { ...firstPlace, sent: 0 };
  for (const { stage, snapshot } of former) {
    if (stage !== 0) continue;
    const { shared, partitions } = snapshot;
    if (shared === undefined) {
      const highest = Object.values(partitions).map(([time]) => time ?? none);
      moveTo(place, { ...firstPlace, order: Math.max(none, ...highest), rank: recordRank });
      continue;
    }
    const own = hearPlace(shared.place);
    if (own.order < Number.POSITIVE_INFINITY) moveTo(place, own); // else the job was drained
  }
  return place;
}

function watermarkOf(former: readonly FormerTime[]): number {
  const read = former.filter(({ stage, snapshot }) => stage === 0 && !isIdle(snapshot));
  const lowest = Math.min(...read.map(({ snapshot }) => snapshot.watermark ?? none));
  const received = former.filter(({ stage }) => stage > 0);
  const highest = Math.max(none, ...received.map(({ snapshot }) => snapshot.watermark ?? none));
  if (read.length > 0) return Math.max(lowest, highest);
  if (received.length > 0) return highest;
  return Math.max(none, ...former.map(({ snapshot }) => snapshot.watermark ?? none));
}

function isIdle({ partitions }: TimeSnapshot): boolean {
  return Object.values(partitions).every(([, idle]) => idle === 1);
}

/** A task that has no time yet has nothing that is due. */
function settledIn({ settled, steps = {} }: TimeSnapshot): readonly number[] {
  return [settled, ...Object.values(steps)].flatMap((time) => time ?? []);
}

function finiteOrNull(time: number): number | null {
  return Number.isFinite(time) ? time : null;
}
