/** Durations as people write them. */
import { MillraceError } from '../platform/index.ts';

/**
 * `'500ms'`, `'30s'`, `'1h30m'`, `'2d'`, `'PT5M'` (ISO 8601, days and smaller), or a number of
 * milliseconds.
 */
export type Duration = string | number;

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Milliseconds. Fails with `INVALID`, naming `what`, for anything else and for negative durations.
 */
export function durationMs(duration: Duration, what: string): number {
  const ms = typeof duration === 'number' ? duration : parse(duration);
  if (ms !== undefined && Number.isFinite(ms) && ms >= 0) return ms;
  throw new MillraceError(
    'INVALID',
    `${what} can't be ${JSON.stringify(duration)}: give milliseconds, or text like '500ms', ` +
      `'30s', '1h30m' or 'PT5M'.`,
  );
}

/** Whole milliseconds, at least one. Fails with `INVALID`, naming `what`. */
export function ttlMs(ttl: Duration, what: string): number {
  const ms = Math.ceil(durationMs(ttl, what));
  if (ms > 0) return ms;
  throw new MillraceError('INVALID', `${what} can't be 0: give it at least 1 ms.`);
}

function parse(text: string): number | undefined {
  const iso = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(text);
  if (iso !== null && text.length > 2 && !text.endsWith('T')) {
    const [days, hours, minutes, seconds] = iso.slice(1).map((part) => Number(part ?? 0));
    return (
      (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60_000 + (seconds ?? 0) * 1000
    );
  }
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)) {
    sum += Number(count) * (unitMs[unit ?? ''] ?? Number.NaN);
  }
  return Math.round(sum);
}
