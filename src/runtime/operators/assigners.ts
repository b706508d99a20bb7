/** Which windows a record belongs to, before any merge. */
import { MillraceError } from '../../platform/index.ts';
import type { CustomWindows, SessionWindows, WindowBounds } from '../windows.ts';

export type Assign = (timestamp: number, value: unknown) => readonly WindowBounds[];

/** What a record alone makes: a session as long as its gap. */
export function sessionsOf({ gapMs }: SessionWindows): Assign {
  if (typeof gapMs === 'number') {
    return (timestamp) => [{ start: timestamp, end: timestamp + gapMs }];
  }
  const gapOf = gapMs as (value: unknown) => number; // the graph does not know types
  return (timestamp, value) => [{ start: timestamp, end: timestamp + gapOf(value) }];
}

export function customOf({ name, assign }: CustomWindows): Assign {
  const untyped = assign as Assign; // the graph does not know types
  return (timestamp, value) => {
    const windows = untyped(timestamp, value);
    checkWindows(name, windows);
    return windows;
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
