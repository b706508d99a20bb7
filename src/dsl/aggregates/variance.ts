/**
 * variance and standardDeviation, in one pass and without the difference of large sums: Welford,
 * "Note on a method for calculating corrected sums of squares and products", 1962; merged as in
 * Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983.
 */
import { MillraceError } from '../../platform/index.ts';
import { checkOptions } from '../../runtime/index.ts';
import { type Aggregate, accumulatorCodec, finite } from './aggregate.ts';

export interface VarianceOptions<Sample extends boolean> {
  /**
   * `true`: the records are a sample of what is meant, so the sum of squares is divided by one less
   * than their number; of a single record the result is null. Default `false`: they are all there
   * is, and it is divided by their number.
   */
  readonly sample?: Sample;
}

/** What a variance is: of a sample there may be none. */
export type VarianceOf<Sample extends boolean> = Sample extends false ? number : number | null;

/** Number of values, their mean, and the sum of squared differences from it. */
type Moments = [count: number, mean: number, squares: number];

/**
 * The variance of what `select` returns, which must be finite numbers (else `USER_FUNCTION`): of
 * the records as all that there is, or with `{ sample: true }` as a sample of more.
 * @example .aggregate({ spread: variance((trade) => trade.price) })
 */
export function variance<Value, Sample extends boolean = false>(
  select: (value: Value) => number,
  options: VarianceOptions<Sample> = {},
): Aggregate<Value, VarianceOf<Sample>> {
  return spreading('variance', select, options, (squares) => squares);
}

/**
 * The standard deviation of what `select` returns: the square root of its `variance`, with the same
 * options.
 * @example .aggregate({ volatility: standardDeviation((trade) => trade.price, { sample: true }) })
 */
export function standardDeviation<Value, Sample extends boolean = false>(
  select: (value: Value) => number,
  options: VarianceOptions<Sample> = {},
): Aggregate<Value, VarianceOf<Sample>> {
  return spreading('standardDeviation', select, options, Math.sqrt);
}

function spreading<Value, Sample extends boolean>(
  name: 'variance' | 'standardDeviation',
  select: (value: Value) => number,
  options: VarianceOptions<Sample>,
  of: (variance: number) => number,
): Aggregate<Value, VarianceOf<Sample>> {
  checkOptions(`${name}()`, options, ['sample']);
  const fewer = options.sample === true ? 1 : 0;
  return {
    name: fewer === 1 ? `${name}(sample)` : name,
    create: (): Moments => [0, 0, 0],
    add(accumulator, value) {
      const moments = accumulator as Moments; // what create made
      const x = finite(select(value), name);
      const [count, mean, squares] = moments;
      const next = mean + (x - mean) / (count + 1);
      return set(moments, count + 1, next, squares + (x - mean) * (x - next), name);
    },
    merge(left, right) {
      const [moments, [n, mean, squares]] = [left as Moments, right as Moments]; // of create
      if (n === 0) return moments;
      const [m, meanThere, squaresThere] = moments;
      if (m === 0) return set(moments, n, mean, squares, name);
      const difference = mean - meanThere;
      const both = m + n;
      const merged = squaresThere + squares + difference * difference * (m * (n / both));
      return set(moments, both, meanThere + difference * (n / both), merged, name);
    },
    result(accumulator) {
      const [count, , squares] = accumulator as Moments; // what create made
      const result = count > fewer ? of(squares / (count - fewer)) : null;
      return result as VarianceOf<Sample>; // null only of a sample, for windows have a record
    },
    codec: accumulatorCodec,
  };
}

function set(
  moments: Moments,
  count: number,
  mean: number,
  squares: number,
  name: string,
): Moments {
  if (!Number.isFinite(squares) || !Number.isFinite(mean)) {
    throw new MillraceError(
      'USER_FUNCTION',
      `the squares of what the function given to ${name}() returned exceed the largest number. ` +
        'Scale it down',
    );
  }
  moments[0] = count;
  moments[1] = mean;
  moments[2] = squares;
  return moments;
}
