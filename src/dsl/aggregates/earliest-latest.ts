/** earliest and latest: by event time, whatever the order of arrival. */
import { copyOf } from '../../formats/index.ts';
import { type Aggregate, accumulatorCodec, keep, partOf } from './aggregate.ts';

type Kept = [] | [time: number, value: unknown];

/**
 * The record of the earliest event time, or what `select` returns for it, which must be plain JSON
 * (else `ENCODE`). Of records of one time, that which came first.
 * @example .aggregate({ opened: earliest((trade) => trade.price) })
 */
export function earliest<Value, Result = Value>(
  select?: (value: Value) => Result,
): Aggregate<Value, NoInfer<Result>> {
  return byTime('earliest', (time, kept) => time < kept, select);
}

/**
 * The record of the latest event time, or what `select` returns for it, which must be plain JSON.
 * Of records of one time, that which came last.
 * @example .aggregate({ closed: latest((trade) => trade.price) })
 */
export function latest<Value, Result = Value>(
  select?: (value: Value) => Result,
): Aggregate<Value, NoInfer<Result>> {
  return byTime('latest', (time, kept) => time >= kept, select);
}

function byTime<Value, Result>(
  name: 'earliest' | 'latest',
  supersedes: (time: number, kept: number) => boolean,
  select: ((value: Value) => Result) | undefined,
): Aggregate<Value, Result> {
  const part = partOf(select);
  return {
    name,
    create: (): Kept => [],
    add(accumulator, value, timestamp) {
      const kept = accumulator as Kept; // what create made
      if (kept.length !== 0 && !supersedes(timestamp, kept[0])) return kept;
      return [timestamp, keep(part(value))];
    },
    merge(left, right) {
      const a = left as Kept; // what create made
      const b = right as Kept; // the same
      if (a.length === 0) return b;
      return b.length !== 0 && supersedes(b[0], a[0]) ? b : a;
    },
    result: (accumulator) => copyOf((accumulator as Kept)[1]) as Result, // as selected
    codec: accumulatorCodec,
  };
}
