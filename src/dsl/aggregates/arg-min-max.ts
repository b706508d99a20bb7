/** argMin and argMax: the record where something is smallest or largest. */
import { copyOf } from '../../formats/index.ts';
import { type Aggregate, accumulatorCodec, finite, keep, partOf } from './aggregate.ts';

type Kept = [] | [rank: number, time: number, value: unknown];

/**
 * The record for which `by` is smallest, or what `select` returns for it, which must be plain JSON
 * (else `ENCODE`). `by` must return finite numbers (else `USER_FUNCTION`). Of equal ones that of
 * the earliest event time, then that which came first.
 * @example .aggregate({ cheapest: argMin((offer) => offer.price, (offer) => offer.seller) })
 */
export function argMin<Value, Result = Value>(
  by: (value: Value) => number,
  select?: (value: Value) => Result,
): Aggregate<Value, NoInfer<Result>> {
  return extremeBy('argMin', (rank, best) => rank < best, by, select);
}

/**
 * The record for which `by` is largest, or what `select` returns for it; otherwise as `argMin`.
 * @example .aggregate({ worst: argMax((flight) => flight.delay) })
 */
export function argMax<Value, Result = Value>(
  by: (value: Value) => number,
  select?: (value: Value) => Result,
): Aggregate<Value, NoInfer<Result>> {
  return extremeBy('argMax', (rank, best) => rank > best, by, select);
}

function extremeBy<Value, Result>(
  name: 'argMin' | 'argMax',
  better: (rank: number, best: number) => boolean,
  by: (value: Value) => number,
  select: ((value: Value) => Result) | undefined,
): Aggregate<Value, Result> {
  const part = partOf(select);
  const supersedes = (rank: number, time: number, kept: Kept) =>
    kept.length === 0 || better(rank, kept[0]) || (rank === kept[0] && time < kept[1]);
  return {
    name,
    create: (): Kept => [],
    add(accumulator, value, timestamp) {
      const kept = accumulator as Kept; // what create made
      const rank = finite(by(value), name);
      return supersedes(rank, timestamp, kept) ? [rank, timestamp, keep(part(value))] : kept;
    },
    merge(left, right) {
      const a = left as Kept; // what create made
      const b = right as Kept; // the same
      return b.length !== 0 && supersedes(b[0], b[1], a) ? b : a;
    },
    result: (accumulator) => copyOf((accumulator as Kept)[2]) as Result, // as selected
    codec: accumulatorCodec,
  };
}
