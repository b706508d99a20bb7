/** Window assigners: which window a record belongs to. */

import { MillraceError } from '../platform/index.ts';
import { checkOptions, type Duration, durationMs, type TumblingWindows } from '../runtime/index.ts';

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
  const sizeMs = durationMs(size, 'The size of a window');
  if (sizeMs < 1 || !Number.isInteger(sizeMs)) {
    throw new MillraceError(
      'INVALID',
      `The size of a window can't be ${size}: it is at least one whole millisecond.`,
    );
  }
  const offsetMs = durationMs(options.offset ?? 0, 'The offset of tumbling()') % sizeMs;
  return { kind: 'tumbling', sizeMs, offsetMs };
}
