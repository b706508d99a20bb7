/** approximateCountDistinct: how many different values, about, in little room. */
import { canonicalJson } from '../../formats/index.ts';
import { checkOptions } from '../../runtime/index.ts';
import { type Aggregate, accumulatorCodec, checkRange } from './aggregate.ts';
import { type HyperLogLog, HyperLogLogScale } from './hyper-log-log.ts';
import { TextHash } from './text-hash.ts';

export interface ApproximateCountDistinctOptions {
  /** The standard error, relative to the result: 0.005 to 0.1. Default 0.01, one per cent. */
  readonly error?: number;
}

/**
 * About how many different values `select` returns, told apart as in `countDistinct`, which counts
 * exactly. Two thirds of the results are within `error` of the exact number, 95 % within twice
 * that, and next to all within three times; few different values are mostly counted exactly.
 *
 * It is a sketch, HyperLogLog, and depends on which values there are alone. At one per cent its
 * accumulator takes at most 17 KB; a few bytes for each value as long as there are few.
 * @example .aggregate({ visitors: approximateCountDistinct((click) => click.user) })
 */
export function approximateCountDistinct<Value>(
  select: (value: Value) => unknown,
  options: ApproximateCountDistinctOptions = {},
): Aggregate<Value, number> {
  checkOptions('approximateCountDistinct()', options, ['error']);
  const { error = 0.01 } = options;
  checkRange('The error of approximateCountDistinct()', error, 0.005, 0.1);
  const indexBits = Math.ceil(Math.log2((1.04 / error) ** 2));
  const scale = new HyperLogLogScale(indexBits);
  const hash = new TextHash();
  return {
    name: `approximateCountDistinct(${indexBits})`,
    isOrderFree: true,
    create: () => scale.create(),
    add(accumulator, value) {
      const sketch = accumulator as HyperLogLog; // what create made
      hash.of(canonicalJson(select(value)));
      scale.add(sketch, hash.high, hash.low);
      return sketch;
    },
    merge(left, right) {
      const sketch = left as HyperLogLog; // what create made
      scale.merge(sketch, right as HyperLogLog); // the same
      return sketch;
    },
    result: (accumulator) => scale.estimate(accumulator as HyperLogLog), // what create made
    codec: accumulatorCodec,
  };
}
