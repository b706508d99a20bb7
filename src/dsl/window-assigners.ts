/** Window assigners: which windows a record belongs to. */
import { checkChoice, MillraceError, nearest } from '../platform/index.ts';
import {
  type CalendarUnit,
  type CalendarWindows,
  type CumulatingWindows,
  type CustomWindows,
  checkOptions,
  type Duration,
  durationMs,
  type GlobalWindows,
  type HoppingWindows,
  hoppingSliceMs,
  type SessionWindows,
  type TumblingWindows,
  type Weekday,
  type WindowAssigner,
  type WindowBounds,
  weekdays,
} from '../runtime/index.ts';

/**
 * Windows of one size that follow one another without a gap: `[start, start + size)`, aligned to
 * 1970-01-01 UTC plus `offset`. Every record belongs to exactly one.
 *
 * @example
 * stream.keyBy((f) => f.origin).window(tumbling('1h'))
 */
export function tumbling(
  size: Duration,
  options: { readonly offset?: Duration } = {},
): TumblingWindows {
  checkOptions('tumbling()', options, ['offset']);
  const sizeMs = wholeMs(size, 'The size of a window');
  const offsetMs = durationMs(options.offset ?? 0, 'The offset of tumbling()') % sizeMs;
  return { kind: 'tumbling', sizeMs, offsetMs };
}

export interface HoppingOptions {
  /** How long after one another windows begin; at most their size. */
  readonly every: Duration;
  /** Windows begin at 1970-01-01 UTC plus this, and `every` before and after it. Default 0. */
  readonly offset?: Duration;
}

/**
 * Windows of one size, a new one every `every`, so that they overlap: a record belongs to
 * `size / every` of them. Also called sliding windows. However many there are, a record costs one
 * change of state.
 *
 * @example
 * stream.keyBy((f) => f.origin).window(hopping('1h', { every: '5m' }))
 */
export function hopping(size: Duration, options: HoppingOptions): HoppingWindows {
  checkOptions('hopping()', options, ['every', 'offset']);
  const sizeMs = wholeMs(size, 'The size of a window');
  const everyMs = wholeMs(options.every, '{ every } of hopping()');
  if (everyMs > sizeMs) {
    throw new MillraceError(
      'INVALID',
      `hopping(): windows of ${size} every ${options.every} would leave out what lies between ` +
        'them. Make the size at least as long as { every }, or filter() first.',
    );
  }
  const offsetMs = durationMs(options.offset ?? 0, 'The offset of hopping()') % everyMs;
  const windows: HoppingWindows = { kind: 'hopping', sizeMs, everyMs, offsetMs };
  checkSlices('hopping()', sizeMs / hoppingSliceMs(windows));
  return windows;
}

export interface CumulatingOptions {
  /** How long after one another windows end; it divides the size. */
  readonly every: Duration;
  /** Windows begin at 1970-01-01 UTC plus this, and `size` before and after it. Default 0. */
  readonly offset?: Duration;
}

/**
 * Windows that begin together and end `every` after one another, until they are `size` long: the
 * total of a day so far, every minute. A record costs one change of state.
 *
 * @example
 * stream.keyBy((s) => s.shop).window(cumulating('1d', { every: '1m' }))
 */
export function cumulating(size: Duration, options: CumulatingOptions): CumulatingWindows {
  checkOptions('cumulating()', options, ['every', 'offset']);
  const sizeMs = wholeMs(size, 'The size of a window');
  const everyMs = wholeMs(options.every, '{ every } of cumulating()');
  if (sizeMs % everyMs !== 0) {
    throw new MillraceError(
      'INVALID',
      `cumulating(): ${size} can't be divided into steps of ${options.every}. Choose an ` +
        '{ every } that divides the size.',
    );
  }
  checkSlices('cumulating()', sizeMs / everyMs);
  const offsetMs = durationMs(options.offset ?? 0, 'The offset of cumulating()') % sizeMs;
  return { kind: 'cumulating', sizeMs, everyMs, offsetMs };
}

export interface CalendarOptions {
  /** As IANA names it: `Europe/Berlin`, `UTC`. */
  readonly timeZone: string;
}

export interface WeekOptions extends CalendarOptions {
  /** Default `'monday'`. */
  readonly weekStartsOn?: Weekday;
}

/**
 * The days, weeks or months of a time zone. Where clocks change, a day has 23 or 25 hours, and a
 * week or month is an hour shorter or longer.
 *
 * @example
 * sales.keyBy((s) => s.shop).window(calendar('day', { timeZone: 'Europe/Berlin' }))
 */
export function calendar(unit: 'day' | 'month', options: CalendarOptions): CalendarWindows;
export function calendar(unit: 'week', options: WeekOptions): CalendarWindows;
export function calendar(unit: CalendarUnit, options: WeekOptions): CalendarWindows {
  checkChoice('The unit of calendar()', unit, ['day', 'week', 'month']);
  const known = unit === 'week' ? ['timeZone', 'weekStartsOn'] : ['timeZone'];
  checkOptions(`calendar('${unit}')`, options, known);
  const { timeZone, weekStartsOn = 'monday' } = options;
  checkChoice('weekStartsOn of calendar()', weekStartsOn, weekdays);
  checkTimeZone(timeZone);
  return { kind: 'calendar', unit, timeZone, weekStartsOn };
}

function checkTimeZone(timeZone: string): void {
  try {
    if (typeof timeZone === 'string') {
      new Intl.DateTimeFormat('en-US', { timeZone });
      return;
    }
  } catch {} // told below
  const likely = nearest(String(timeZone), Intl.supportedValuesOf('timeZone'));
  const hint =
    likely === undefined ? "give a name like 'Europe/Berlin'" : `did you mean "${likely}"?`;
  throw new MillraceError(
    'INVALID',
    `calendar(): there is no time zone ${JSON.stringify(timeZone)}: ${hint}`,
  );
}

export interface SessionOptions<Value> {
  /** How long the silence behind a record may be. */
  readonly gap: (value: Value) => Duration;
}

/**
 * Windows of activity: a session goes on while no record is `gap` or more later than the one before
 * it, and ends `gap` after its last one. A record may bridge sessions: they become one.
 *
 * @example
 * clicks.keyBy((c) => c.user).window(session('30m'))
 * @example
 * clicks.keyBy((c) => c.user).window(session({ gap: (c) => (c.isVideo ? '3h' : '30m') }))
 */
export function session(gap: Duration): SessionWindows<unknown>;
export function session<Value>(options: SessionOptions<Value>): SessionWindows<Value>;
export function session(of: Duration | SessionOptions<never>): SessionWindows {
  if (typeof of !== 'object' || of === null) {
    return { kind: 'session', gapMs: wholeMs(of, 'The gap of session()') };
  }
  checkOptions('session()', of, ['gap']);
  const { gap } = of;
  checkFunction('session()', 'gap', gap);
  return { kind: 'session', gapMs: (value) => wholeMs(gap(value), 'The gap of a record') };
}

export interface WindowsOptions<Value> {
  /** Says which windows these are; part of the state's identity. */
  readonly name: string;
  /**
   * The windows of a record: of whole milliseconds, any number of them. A record that gets none is
   * left out. The function must depend on its arguments only.
   */
  readonly assign: (timestamp: number, value: Value) => readonly WindowBounds[];
}

/**
 * Windows that a function chooses for each record.
 *
 * @example
 * calls.keyBy((c) => c.line).window(
 *   windows({ name: 'shifts', assign: (_time, c) => [{ start: c.shiftStart, end: c.shiftEnd }] }),
 * )
 */
export function windows<Value>(options: WindowsOptions<Value>): CustomWindows<Value> {
  checkOptions('windows()', options, ['name', 'assign']);
  const { name, assign } = options;
  if (typeof name !== 'string' || !/^[a-zA-Z0-9._-]{1,200}$/.test(name)) {
    throw new MillraceError(
      'INVALID',
      `windows() can't have the name ${JSON.stringify(name)}: use 1 to 200 letters, digits, ` +
        'dots, underscores or hyphens.',
    );
  }
  checkFunction('windows()', 'assign', assign);
  return { kind: 'custom', name, assign };
}

/**
 * One window for each key, which never ends: it fires as its trigger says, and only then.
 *
 * @example
 * bids.keyBy((b) => b.auction).window(globalWindow()).trigger(repeatedly(afterCount(100)))
 */
export function globalWindow(): GlobalWindows {
  return { kind: 'global' };
}

function checkFunction(call: string, option: string, given: unknown): void {
  if (typeof given === 'function') return;
  throw new MillraceError('INVALID', `${call}: { ${option} } is a function, not ${String(given)}.`);
}

/** A window that fires may have to look at each of its slices, at once. */
const slicesMax = 10_000;

function checkSlices(call: string, slices: number): void {
  if (slices <= slicesMax) return;
  throw new MillraceError(
    'INVALID',
    `${call}: these windows are made of ${slices} slices each, and ${slicesMax} is the most. ` +
      'Make { every } longer, or such that it divides the size.',
  );
}

const calls = {
  tumbling: 'tumbling',
  hopping: 'hopping',
  cumulating: 'cumulating',
  calendar: 'calendar',
  session: 'session',
  custom: 'windows',
  global: 'globalWindow',
} as const satisfies Record<WindowAssigner['kind'], string>;

/** Windows that end. */
export type TimedWindows<Value> = Exclude<WindowAssigner<Value>, GlobalWindows>;

/** Fails with `INVALID` for what is none. */
export function checkAssigner(assigner: WindowAssigner, job: string): void {
  if (Object.hasOwn(calls, assigner?.kind)) return;
  throw new MillraceError(
    'INVALID',
    `Job "${job}": window() takes windows: call one of ${Object.values(calls).join('(), ')}().`,
  );
}

function wholeMs(duration: Duration, what: string): number {
  const ms = durationMs(duration, what);
  if (ms >= 1 && Number.isInteger(ms)) return ms;
  throw new MillraceError(
    'INVALID',
    `${what} can't be ${duration}: it is at least one whole millisecond.`,
  );
}
