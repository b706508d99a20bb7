/**
 * Windows that overlap share slices: the longest pieces of time that no window divides.
 *
 *   hopping, 15 minutes every 10:        cumulating, 20 minutes every 5:
 *
 *   | 5 | 5 | 5 | 5 | 5 | 5 |  slices    | 5 | 5 | 5 | 5 | 5 |  slices
 *   [-----------)                        [---)
 *           [-----------)                [-------)
 *                   [-----------)        [-----------)
 *                                        [---------------)
 *                                                        [---)
 *
 * Slices and windows are named by their last millisecond.
 */
import { type CumulatingWindows, type HoppingWindows, hoppingSliceMs } from '../windows.ts';

export interface Slices {
  readonly sliceMs: number;
  /** Time is divided into blocks that are as long as the longest window. */
  readonly blockMs: number;
  /** First millisecond of the block of a time. */
  blockOf(time: number): number;
  /** The slice of a timestamp. */
  sliceOf(timestamp: number): number;
  /** The first window that has the slice and ends after `after`, if its last one does. */
  firstWindow(slice: number, after: number): number;
  /** The last window that has the slice. */
  lastWindow(slice: number): number;
  /** First millisecond of a window. */
  startOf(window: number): number;
  /** The window that ends next; it has all slices of this one that are not over. */
  nextWindow(window: number): number;
}

/** Windows begin every `everyMs`; a slice is what their begins and ends leave undivided. */
export function hoppingSlices(windows: HoppingWindows): Slices {
  const { sizeMs, everyMs, offsetMs } = windows;
  const sliceMs = hoppingSliceMs(windows);
  const lastMs = sizeMs - 1;
  const startUpTo = (time: number) => time - modulo(time - offsetMs, everyMs);
  return {
    sliceMs,
    blockMs: sizeMs,
    blockOf: (time) => time - modulo(time - offsetMs, sizeMs),
    sliceOf: (timestamp) => timestamp - modulo(timestamp - offsetMs, sliceMs) + sliceMs - 1,
    firstWindow(slice, after) {
      const window = Math.max(slice, after + 1); // it ends here or later
      const start = startUpTo(window - lastMs + everyMs - 1);
      return start + lastMs;
    },
    lastWindow: (slice) => startUpTo(slice) + lastMs,
    startOf: (window) => window - lastMs,
    nextWindow: (window) => window + everyMs,
  };
}

/** Windows begin together, every `sizeMs`, and end `everyMs` after one another. */
export function cumulatingSlices({ sizeMs, everyMs, offsetMs }: CumulatingWindows): Slices {
  const startOf = (time: number) => time - modulo(time - offsetMs, sizeMs);
  const sliceOf = (time: number) => time - modulo(time - offsetMs, everyMs) + everyMs - 1;
  return {
    sliceMs: everyMs,
    blockMs: sizeMs,
    blockOf: startOf,
    sliceOf,
    firstWindow: (slice, after) => sliceOf(Math.max(slice, after + 1)),
    lastWindow: (slice) => startOf(slice) + sizeMs - 1,
    startOf,
    nextWindow: (window) => window + everyMs,
  };
}

/** Not negative, also before 1970. */
export function modulo(value: number, divisor: number): number {
  const rest = value % divisor;
  return rest < 0 ? rest + divisor : rest;
}
