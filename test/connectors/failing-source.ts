/** A source that fails once, in the middle, in a way that can pass. */
import type { Source } from '../../src/connectors/index.ts';
import { MillraceError } from '../../src/platform/index.ts';

export function failingOnce<Value>(values: readonly Value[]): Source<Value, number> {
  let hasFailed = false;
  return {
    name: 'a source that fails once',
    async *read({ position = 0 }) {
      for (const [i, value] of values.entries()) {
        if (i < position) continue;
        if (i > values.length / 2 && !hasFailed) {
          hasFailed = true;
          throw new MillraceError('IO', 'The line is busy.', { retryable: true });
        }
        yield [{ value, position: i + 1 }];
      }
    },
  };
}
