/** Which windows a record belongs to, before any merge. */
import { MillraceError, unreachable } from '../../platform/index.ts';
import { timeMax } from '../time/time-max.ts';
import type { CustomWindows, SessionWindows, WindowAssigner, WindowBounds } from '../windows.ts';
import { cumulatingSlices, hoppingSlices, type Slices } from './slices.ts';
import { calendarFrames, type Frames, tumblingFrames } from './window.ts';

export type Assign = (timestamp: number, value: unknown) => readonly WindowBounds[];

/** How long the silence behind a record may be. */
export function gapOf({ gapMs }: SessionWindows): (value: unknown) => number {
  return typeof gapMs === 'number' ? () => gapMs : (gapMs as (value: unknown) => number); // untyped
}

/** What a record alone makes: a session as long as its gap. */
function sessionsOf(windows: SessionWindows): Assign {
  const gap = gapOf(windows);
  return (timestamp, value) => [{ start: timestamp, end: timestamp + gap(value) }];
}

function customOf({ name, assign }: CustomWindows): Assign {
  const untyped = assign as Assign; // the graph does not know types
  return (timestamp, value) => {
    const windows = untyped(timestamp, value);
    checkWindows(name, windows);
    return windows;
  };
}

/** All windows there are of the kind; not merged yet, where they merge. */
export function assignOf(assigner: WindowAssigner): Assign {
  switch (assigner.kind) {
    case 'tumbling':
      return framesOf(tumblingFrames(assigner));
    case 'calendar':
      return framesOf(calendarFrames(assigner));
    case 'hopping':
      return slicedOf(hoppingSlices(assigner));
    case 'cumulating':
      return slicedOf(cumulatingSlices(assigner));
    case 'session':
      return sessionsOf(assigner);
    case 'custom':
      return customOf(assigner);
    case 'global':
      return () => [always];
    default:
      return unreachable(assigner);
  }
}

const always: WindowBounds = { start: -timeMax, end: timeMax + 1 };

function framesOf({ lastOf, startOf }: Frames): Assign {
  return (timestamp) => {
    const last = lastOf(timestamp);
    return [{ start: startOf(last), end: last + 1 }];
  };
}

function slicedOf(slices: Slices): Assign {
  return (timestamp) => {
    const windows: WindowBounds[] = [];
    const slice = slices.sliceOf(timestamp);
    const last = slices.lastWindow(slice);
    let window = slices.firstWindow(slice, Number.NEGATIVE_INFINITY);
    for (; window <= last; window = slices.nextWindow(window)) {
      windows.push({ start: slices.startOf(window), end: window + 1 });
    }
    return windows;
  };
}

export function overlaps(a: WindowBounds, b: WindowBounds): boolean {
  return a.start < b.end && b.start < a.end;
}

export function isSame(a: WindowBounds, b: WindowBounds): boolean {
  return a.start === b.start && a.end === b.end;
}

/** The window and those that it meets as one; sorts these by their begins. */
export function unionOf(
  met: (readonly [WindowBounds, unknown])[],
  window: WindowBounds,
): WindowBounds {
  met.sort(([a], [b]) => a.start - b.start);
  return {
    start: Math.min(window.start, ...met.map(([{ start }]) => start)),
    end: Math.max(window.end, ...met.map(([{ end }]) => end)),
  };
}

/** Fails with `USER_FUNCTION` for what is no list of windows. */
function checkWindows(name: string, windows: readonly WindowBounds[]): void {
  const fails = !Array.isArray(windows) || !windows.every(isWindow);
  if (!fails) return;
  throw new MillraceError(
    'USER_FUNCTION',
    `the windows "${name}" assigned ${JSON.stringify(windows)}; assign() must return an array of ` +
      '{ start, end } in whole milliseconds, each starting before it ends',
  );
}

function isWindow(window: WindowBounds): boolean {
  const { start, end } = window ?? {};
  return Number.isSafeInteger(start) && Number.isSafeInteger(end) && start < end;
}
