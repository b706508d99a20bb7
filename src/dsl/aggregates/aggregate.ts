/** What an aggregate is to users, and what the built-in ones share. */
import { type Codec, copyOf, json } from '../../formats/index.ts';
import { MillraceError } from '../../platform/index.ts';
import type { Aggregation } from '../../runtime/index.ts';

/** An incremental aggregate over values of type `Value`, with the result `Result`. */
export interface Aggregate<Value, Result> extends Aggregation<Value, unknown, Result> {
  /** A property, not a method, so that the type of the value counts. */
  readonly add: (accumulator: unknown, value: Value, timestamp: number) => unknown;
}

/** The names of the built-in ones: queries know by them what accumulators mean. */
export const aggregateNames = [
  'count',
  'sum',
  'min',
  'max',
  'mean',
  'share',
  'variance',
  'standardDeviation',
  'quantile',
  'histogram',
  'topK',
  'argMin',
  'argMax',
  'first',
  'last',
  'earliest',
  'latest',
  'collect',
  'countDistinct',
  'approximateCountDistinct',
] as const;

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

const plain = json<unknown>();

/** A copy of what was selected, for the record may be changed by whoever sees it next. */
export function keep(selected: unknown): unknown {
  plain.check?.(selected);
  return copyOf(selected);
}

/** The function that says what is kept of a record; the whole record where there is none. */
export function partOf<Value>(
  select: ((value: Value) => unknown) | undefined,
): (value: Value) => unknown {
  return select ?? ((value) => value);
}

/** Fails with `INVALID` where `value` is no number of the range. */
export function checkRange(what: string, value: unknown, min: number, max: number): void {
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw outOfRange(what, value, `a number from ${min} to ${max}`);
  }
}

/** The same for whole numbers. */
export function checkWhole(what: string, value: unknown, min: number, max: number): void {
  if (!Number.isInteger(value) || Number(value) < min || Number(value) > max) {
    throw outOfRange(what, value, `a whole number from ${min} to ${max}`);
  }
}

function outOfRange(what: string, value: unknown, takes: string): MillraceError {
  return new MillraceError('INVALID', `${what} can't be ${String(value)}: it takes ${takes}.`);
}
