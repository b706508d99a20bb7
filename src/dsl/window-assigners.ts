/** Window assigners: which windows a record belongs to. */
import { MillraceError } from '../platform/index.ts';
import {
  type CumulatingWindows,
  checkOptions,
  type Duration,
  durationMs,
  type HoppingWindows,
  hoppingSliceMs,
  type TumblingWindows,
  type WindowAssigner,
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

const kinds: readonly WindowAssigner['kind'][] = ['tumbling', 'hopping', 'cumulating'];

/** Fails with `INVALID` for what is none. */
export function checkAssigner(assigner: WindowAssigner, job: string): void {
  if (kinds.includes(assigner?.kind)) return;
  throw new MillraceError(
    'INVALID',
    `Job "${job}": window() takes windows: call one of ${kinds.join('(), ')}().`,
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
