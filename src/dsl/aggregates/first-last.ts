/** first and last: by arrival, not by event time. */
import { copyOf } from '../../formats/index.ts';
import { type Aggregate, accumulatorCodec, keep } from './aggregate.ts';

/** In an array, so that nothing yet differs from null. */
type Kept = [] | [unknown];

/**
 * What `select` returned for the record that came first; it must be plain JSON (else `ENCODE`). By
 * event time: `earliest`.
 * @example .aggregate({ opened: first((trade) => trade.price) })
 */
export function first<Value, Result>(select: (value: Value) => Result): Aggregate<Value, Result> {
  return keeping('first', (kept, value) => (kept.length === 1 ? kept : [keep(select(value))]));
}

/**
 * What `select` returned for the record that came last; it must be plain JSON. By event time:
 * `latest`.
 */
export function last<Value, Result>(select: (value: Value) => Result): Aggregate<Value, Result> {
  return keeping('last', (_kept, value) => [keep(select(value))]);
}

function keeping<Value, Result>(
  name: 'first' | 'last',
  add: (kept: Kept, value: Value) => Kept,
): Aggregate<Value, Result> {
  return {
    name,
    create: (): Kept => [],
    add: (accumulator, value) => add(accumulator as Kept, value), // what create made
    merge(left, right) {
      const [earlier, later] = [left as Kept, right as Kept]; // what create made
      if (earlier.length === 0) return later;
      return name === 'first' || later.length === 0 ? earlier : later;
    },
    result: (accumulator) => copyOf((accumulator as Kept)[0]) as Result, // as selected
    codec: accumulatorCodec,
  };
}
