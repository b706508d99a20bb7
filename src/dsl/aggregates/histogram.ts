/** histogram: how many values lie between given boundaries. */
import { MillraceError } from '../../platform/index.ts';
import { type Aggregate, accumulatorCodec, finite } from './aggregate.ts';

/** How many values there were in each interval. */
export interface Histogram {
  /** Less than the first boundary. */
  readonly below: number;
  /** The i-th: from boundary i on, and less than boundary i + 1. One fewer than boundaries. */
  readonly counts: readonly number[];
  /** The last boundary or more. */
  readonly above: number;
}

interface Counting {
  below: number;
  readonly counts: number[];
  above: number;
}

const boundariesMax = 1000;

/**
 * How many of what `select` returns, which must be finite numbers (else `USER_FUNCTION`), lie
 * between `boundaries`, which ascend: up to 1,000 of them, each the first number of its interval.
 * @example .aggregate({ delays: histogram((f) => f.delay, [0, 15, 60, 180]) })
 */
export function histogram<Value>(
  select: (value: Value) => number,
  boundaries: readonly number[],
): Aggregate<Value, Histogram> {
  checkBoundaries(boundaries);
  const bounds = boundaries.map((boundary) => boundary + 0); // -0 + 0 is 0
  const [first, last] = [bounds[0] as number, bounds.at(-1) as number]; // there is one
  return {
    name: `histogram(${bounds.join(';')})`,
    isOrderFree: true,
    create: (): Counting => ({
      below: 0,
      counts: bounds.slice(1).map(() => 0),
      above: 0,
    }),
    add(accumulator, value) {
      const counting = accumulator as Counting; // what create made
      const x = finite(select(value), 'histogram');
      if (x < first) counting.below++;
      else if (x >= last) counting.above++;
      else increase(counting.counts, intervalOf(bounds, x), 1);
      return counting;
    },
    merge(left, right) {
      const [a, b] = [left as Counting, right as Counting]; // what create made
      a.below += b.below;
      a.above += b.above;
      for (let i = 0; i < b.counts.length; i++) increase(a.counts, i, b.counts[i] as number);
      return a;
    },
    result(accumulator) {
      const { below, counts, above } = accumulator as Counting; // what create made
      return { below, counts: counts.slice(), above };
    },
    codec: accumulatorCodec,
  };
}

function increase(counts: number[], i: number, by: number): void {
  counts[i] = (counts[i] as number) + by; // below the length
}

/** The last boundary that is not greater than `x`; there is one, and one that is greater. */
function intervalOf(bounds: readonly number[], x: number): number {
  let low = 0;
  let high = bounds.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((bounds[middle] as number) <= x) low = middle;
    else high = middle;
  }
  return low;
}

function checkBoundaries(boundaries: readonly number[]): void {
  const ascend = boundaries.every((boundary, i) => {
    return Number.isFinite(boundary) && (i === 0 || boundary > (boundaries[i - 1] as number));
  });
  if (ascend && boundaries.length > 0 && boundaries.length <= boundariesMax) return;
  throw new MillraceError(
    'INVALID',
    `The boundaries of histogram() can't be [${boundaries.slice(0, 20).join(', ')}]: they are 1 ` +
      `to ${boundariesMax} finite numbers, each greater than the one before it.`,
  );
}
