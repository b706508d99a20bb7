/** Of which windows partials can be made: see partial-window.ts. */
import { unreachable } from '../../platform/index.ts';
import type { WindowNode } from '../graph.ts';
import { cumulatingSlices, hoppingSlices } from './slices.ts';
import { calendarFrames, tumblingFrames } from './window.ts';

/** The slice, or window, of a timestamp, by its last millisecond. */
export type SliceOf = (timestamp: number) => number;

/**
 * The pieces of time of which a window step takes partials; undefined where it must see each
 * record: where windows merge, fire more than once, or are chosen by a function, and where the
 * order of records counts.
 */
export function partialSlicesOf(node: WindowNode): SliceOf | undefined {
  const { assigner, firing, aggregate } = node;
  if (firing !== undefined || aggregate.isOrderFree !== true) return undefined;
  switch (assigner.kind) {
    case 'tumbling':
      return tumblingFrames(assigner).lastOf;
    case 'calendar':
      return calendarFrames(assigner).lastOf;
    case 'hopping':
      return hoppingSlices(assigner).sliceOf;
    case 'cumulating':
      return cumulatingSlices(assigner).sliceOf;
    case 'session':
    case 'custom':
    case 'global':
      return undefined;
    default:
      return unreachable(assigner);
  }
}
