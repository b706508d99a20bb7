/** quantile: medians, percentiles, with a relative error. */
import { MillraceError } from '../../platform/index.ts';
import { checkOptions } from '../../runtime/index.ts';
import { type Aggregate, accumulatorCodec, checkRange, finite } from './aggregate.ts';
import { type QuantileSketch, SketchScale } from './quantile-sketch.ts';

export interface QuantileOptions {
  /** By how much of itself a result may differ: 0.001 to 0.25. Default 0.01, one per cent. */
  readonly error?: number;
}

/** A number for a number, and one for each in a list. */
export type QuantilesOf<Q> = Q extends readonly number[]
  ? { readonly [I in keyof Q]: number }
  : number;

/**
 * The `q`-quantile of what `select` returns, or one for each of a list; each `q` from 0 to 1. That
 * is, of n numbers in ascending order, about the one at index `floor(q (n - 1))`: 0.5 is the
 * median, 0 and 1 are exactly the least and the greatest. `select` must return finite numbers (else
 * `USER_FUNCTION`).
 *
 * It is a sketch, DDSketch: a result differs from the exact one by at most `error` of it, negative
 * or not. Numbers of one key that are spread densely over more than 17 powers of ten double the
 * error; those nearer to 0 than 1e-300 count as 0. At one per cent an accumulator has at most 1,958
 * bins, about 20 KB; mostly it has a few dozen.
 * @example .aggregate({ latency: quantile((r) => r.ms, [0.5, 0.99]) })
 */
export function quantile<Value, const Q extends number | readonly number[]>(
  select: (value: Value) => number,
  q: Q,
  options: QuantileOptions = {},
): Aggregate<Value, QuantilesOf<Q>> {
  checkOptions('quantile()', options, ['error']);
  const { error = 0.01 } = options;
  checkRange('The error of quantile()', error, 0.001, 0.25);
  const scale = new SketchScale(error);
  const resultOf = resultFunction(scale, q);
  return {
    name: `quantile(${error})`, // not q: any can be told from a sketch
    isOrderFree: true,
    create: () => scale.create(),
    add(accumulator, value) {
      const sketch = accumulator as QuantileSketch; // what create made
      scale.add(sketch, finite(select(value), 'quantile'));
      return sketch;
    },
    merge(left, right) {
      const sketch = left as QuantileSketch; // what create made
      scale.merge(sketch, right as QuantileSketch); // the same
      return sketch;
    },
    result: (accumulator) => resultOf(accumulator as QuantileSketch) as QuantilesOf<Q>, // as q is
    codec: accumulatorCodec,
  };
}

function resultFunction(
  scale: SketchScale,
  q: number | readonly number[],
): (sketch: QuantileSketch) => number | number[] {
  if (typeof q === 'number') {
    checkQuantile(q);
    return (sketch) => scale.quantile(sketch, q);
  }
  if (!Array.isArray(q) || q.length === 0) {
    throw new MillraceError('INVALID', 'The q of quantile() is a number from 0 to 1, or a list.');
  }
  const all = [...q];
  for (const each of all) checkQuantile(each);
  return (sketch) => all.map((each) => scale.quantile(sketch, each));
}

function checkQuantile(q: number): void {
  checkRange('The q of quantile()', q, 0, 1);
}
