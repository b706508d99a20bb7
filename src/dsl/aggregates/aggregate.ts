/** What an aggregate is to users, and the checks that the built-in ones share. */
import type { Codec } from '../../formats/index.ts';
import { MillraceError } from '../../platform/index.ts';
import type { Aggregation } from '../../runtime/index.ts';

/** An incremental aggregate over values of type `Value`, with the result `Result`. */
export interface Aggregate<Value, Result> extends Aggregation<Value, unknown, Result> {}

/**
 * The codec of accumulators: plain JSON. They are not checked again, because every built-in
 * aggregate lets only finite numbers, and values that JSON gives back, into its accumulator.
 */
export const accumulatorCodec: Codec<unknown> = {
  name: 'accumulator',
  text: true,
  encode: (accumulator) => Buffer.from(JSON.stringify(accumulator), 'utf8'),
  decode: (bytes, start, end) =>
    JSON.parse(Buffer.from(bytes.subarray(start, end)).toString('utf8')),
};

/** Fails with `USER_FUNCTION` for what is not a finite number; -0 becomes 0. */
export function finite(value: unknown, aggregate: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value + 0;
  throw new MillraceError(
    'USER_FUNCTION',
    `the function given to ${aggregate}() returned ${String(value)}; it must return a finite ` +
      `number. Leave records without one out with filter()`,
  );
}
