/**
 * What the graph says of windows: which ones a record belongs to. Plain data, but for what only the
 * user can tell.
 */
import { unreachable } from '../platform/index.ts';
import type { CalendarPeriods } from './time/calendar.ts';

export interface WindowBounds {
  /** First millisecond. */
  readonly start: number;
  /** The millisecond after the last. */
  readonly end: number;
}

/** Undecided of what values: as the graph keeps it. */
export type WindowAssigner<Value = never> =
  | TumblingWindows
  | HoppingWindows
  | CumulatingWindows
  | CalendarWindows
  | SessionWindows<Value>
  | CustomWindows<Value>
  | GlobalWindows;

/**
 * Windows of one size that follow one another; `[start, start + size)`, aligned to the epoch plus
 * `offset`.
 */
export interface TumblingWindows {
  readonly kind: 'tumbling';
  readonly sizeMs: number;
  readonly offsetMs: number;
}

/** Windows of one size that begin every `everyMs`, which is at most their size. */
export interface HoppingWindows {
  readonly kind: 'hopping';
  readonly sizeMs: number;
  readonly everyMs: number;
  readonly offsetMs: number;
}

/** The longest piece of time that no hopping window divides. */
export function hoppingSliceMs({
  sizeMs,
  everyMs,
}: Pick<HoppingWindows, 'sizeMs' | 'everyMs'>): number {
  let [divisor, rest] = [sizeMs, everyMs];
  while (rest !== 0) [divisor, rest] = [rest, divisor % rest];
  return divisor;
}

/**
 * Windows that begin together, every `sizeMs`, and end `everyMs` after one another; `everyMs`
 * divides the size.
 */
export interface CumulatingWindows {
  readonly kind: 'cumulating';
  readonly sizeMs: number;
  readonly everyMs: number;
  readonly offsetMs: number;
}

/** The days, weeks or months of a time zone. */
export interface CalendarWindows extends CalendarPeriods {
  readonly kind: 'calendar';
}

/**
 * Windows of activity: a session goes on while no record of its key is `gapMs` or more later than
 * the one before it.
 */
export interface SessionWindows<Value = never> {
  readonly kind: 'session';
  /** A function where each record says how long the silence behind it may be. */
  readonly gapMs: number | ((value: Value) => number);
}

/** Windows that a function of the user chooses. */
export interface CustomWindows<Value = never> {
  readonly kind: 'custom';
  /** Part of the state's shape: change it when the windows change. */
  readonly name: string;
  readonly assign: (timestamp: number, value: Value) => readonly WindowBounds[];
}

/** One window, for ever. */
export interface GlobalWindows {
  readonly kind: 'global';
}

/** Fires as soon as so many records have come since the last pane. */
export interface AfterCount {
  readonly kind: 'afterCount';
  readonly count: number;
}

/** Fires so long after the first record since the last pane, by the clock. */
export interface AfterProcessingTime {
  readonly kind: 'afterProcessingTime';
  readonly delayMs: number;
}

export type PaneTrigger = AfterCount | AfterProcessingTime;

/** Fires when the watermark passes the window's end; before and after it as it says. */
export interface AfterWatermark {
  readonly kind: 'afterWatermark';
  /** Undefined: no early panes. */
  readonly early: PaneTrigger | undefined;
  /** Within the allowed lateness. */
  readonly late: PaneTrigger;
}

/** Fires again and again, and last when the window goes, if it has records that no pane had. */
export interface Repeatedly {
  readonly kind: 'repeatedly';
  readonly trigger: PaneTrigger;
}

/** When a window that may fire more than once does. */
export interface WindowFiring {
  readonly trigger: AfterWatermark | Repeatedly;
  /** How long a window is kept behind its end. */
  readonly latenessMs: number;
  /** Whether a pane has all records of its window, or those since the last pane. */
  readonly mode: 'accumulating' | 'discarding';
}

/** Which of the results of a window one is. */
export interface Pane {
  /** Counts the panes of a window from 0. */
  readonly index: number;
  /** Whether it came before the watermark passed the window's end, then, or afterwards. */
  readonly timing: 'early' | 'on-time' | 'late';
  /** Whether the window gives no more. */
  readonly isLast: boolean;
}

/** Of a window that fires once. */
export const onlyPane: Pane = { index: 0, timing: 'on-time', isLast: true };

/** The assigner in words that stay the same: a part of the state's shape. */
export function shapeOfWindows(assigner: WindowAssigner): string {
  switch (assigner.kind) {
    case 'tumbling':
      return `tumbling ${assigner.sizeMs} ms, offset ${assigner.offsetMs} ms`;
    case 'hopping':
    case 'cumulating': {
      const { sizeMs, everyMs, offsetMs } = assigner;
      return `${assigner.kind} ${sizeMs} ms every ${everyMs} ms, offset ${offsetMs} ms`;
    }
    case 'calendar': {
      const { unit, weekStartsOn, timeZone } = assigner;
      return `calendar ${unit}${unit === 'week' ? ` from ${weekStartsOn}` : ''} in ${timeZone}`;
    }
    case 'session':
      return typeof assigner.gapMs === 'number' ? `session ${assigner.gapMs} ms` : 'session';
    case 'custom':
      return `custom ${assigner.name}`;
    case 'global':
      return 'global';
    default:
      return unreachable(assigner);
  }
}
