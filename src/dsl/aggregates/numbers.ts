/**
 * count, sum, min, max, mean, share.
 *
 * Sums are exact, and rounded once, when they are asked for. So a mean of many values loses no
 * digits to their number, and none of these depends on the order of the records.
 */
import { type Aggregate, accumulatorCodec, finite } from './aggregate.ts';
import { addToSum, type CanonicalSum, mergeSums, nearestToSum } from './canonical-sum.ts';
import { addExactly, type ExactSum, roundedSum } from './exact-sum.ts';
import type { RetractableAggregate, Retracting } from './retracting.ts';

/**
 * How many records.
 * @example .aggregate({ flights: count() })
 */
export function count(): RetractableAggregate<unknown, number> {
  return {
    name: 'count',
    isOrderFree: true,
    create: () => 0,
    add: (accumulator) => (accumulator as number) + 1, // what create made
    merge: (left, right) => (left as number) + (right as number), // the same
    result: (accumulator) => accumulator as number, // the same
    codec: accumulatorCodec,
    retracting: {
      create: () => 0,
      add: (accumulator) => (accumulator as number) + 1, // what create made
      remove: (accumulator) => (accumulator as number) - 1, // the same
      result: (accumulator) => accumulator as number, // the same
    },
  };
}

/**
 * The sum of what `select` returns, which must be finite numbers (else `USER_FUNCTION`).
 * @example .aggregate({ balance: sum((p) => p.amount) })
 */
export function sum<Value>(select: (value: Value) => number): RetractableAggregate<Value, number> {
  return {
    ...summing('sum', select, (total) => total),
    retracting: summingRows('sum', select, (total) => total),
  };
}

/**
 * The arithmetic mean of what `select` returns, which must be finite numbers.
 * @example .aggregate({ meanDelay: mean((f) => f.delay) })
 */
export function mean<Value>(select: (value: Value) => number): RetractableAggregate<Value, number> {
  return {
    ...summing('mean', select, (total, n) => total / n),
    retracting: summingRows('mean', select, (total, n) => total / n),
  };
}

function summing<Value>(
  name: string,
  select: (value: Value) => number,
  result: (total: number, count: number) => number,
): Aggregate<Value, number> {
  return {
    name,
    isOrderFree: true,
    create: (): CanonicalSum => [0, 0, 0],
    add(accumulator, value) {
      const sum = accumulator as CanonicalSum; // what create made
      addToSum(sum, finite(select(value), name), name);
      sum[2]++;
      return sum;
    },
    merge(left, right) {
      const sum = left as CanonicalSum; // what create made
      mergeSums(sum, right as CanonicalSum, name); // the same
      return sum;
    },
    result(accumulator) {
      const sum = accumulator as CanonicalSum; // what create made
      return result(nearestToSum(sum), sum[2]);
    },
    codec: accumulatorCodec,
  };
}

/** The same where values go again: nobody merges these, so any form of the exact sum will do. */
function summingRows<Value>(
  name: string,
  select: (value: Value) => number,
  result: (total: number, count: number) => number,
): Retracting<Value, number> {
  type Kept = [sum: ExactSum, count: number];
  const change = (accumulator: unknown, value: Value, sign: 1 | -1) => {
    const kept = accumulator as Kept; // what create made
    addExactly(kept[0], sign * finite(select(value), name));
    finite(kept[0].at(-1) ?? 0, name);
    kept[1] += sign;
    return kept;
  };
  return {
    create: (): Kept => [[], 0],
    add: (accumulator, value) => change(accumulator, value, 1),
    remove: (accumulator, value) => change(accumulator, value, -1),
    result(accumulator) {
      const [sum, n] = accumulator as Kept; // what create made
      return result(roundedSum(sum), n);
    },
  };
}

/** The smallest of what `select` returns, which must be finite numbers. */
export function min<Value>(select: (value: Value) => number): Aggregate<Value, number> {
  return extreme('min', select, (candidate, best) => candidate < best);
}

/** The largest of what `select` returns, which must be finite numbers. */
export function max<Value>(select: (value: Value) => number): Aggregate<Value, number> {
  return extreme('max', select, (candidate, best) => candidate > best);
}

function extreme<Value>(
  name: string,
  select: (value: Value) => number,
  better: (candidate: number, best: number) => boolean,
): Aggregate<Value, number> {
  const better2 = (candidate: number | null, best: number | null) =>
    candidate !== null && (best === null || better(candidate, best)) ? candidate : best;
  return {
    name,
    isOrderFree: true,
    create: () => null,
    add(accumulator, value) {
      return better2(finite(select(value), name), accumulator as number | null); // what create made
    },
    merge: (left, right) => better2(left as number | null, right as number | null), // the same
    result: (accumulator) => accumulator as number, // a window has at least one record
    codec: accumulatorCodec,
  };
}

/**
 * The share of records for which `holds` returns true: 0 to 1.
 * @example .aggregate({ delayed: share((f) => f.delay > 15) })
 */
export function share<Value>(
  holds: (value: Value) => boolean,
): RetractableAggregate<Value, number> {
  type Share = [held: number, all: number];
  const result = (accumulator: unknown) => {
    const [held, all] = accumulator as Share; // what create made
    return held / all;
  };
  const change = (accumulator: unknown, value: Value, by: 1 | -1) => {
    const state = accumulator as Share; // what create made
    if (holds(value)) state[0] += by;
    state[1] += by;
    return state;
  };
  const create = (): Share => [0, 0];
  const add = (accumulator: unknown, value: Value) => change(accumulator, value, 1);
  const remove = (accumulator: unknown, value: Value) => change(accumulator, value, -1);
  return {
    name: 'share',
    isOrderFree: true,
    create,
    add,
    merge(left, right) {
      const [a, b] = [left as Share, right as Share]; // what create made
      return [a[0] + b[0], a[1] + b[1]];
    },
    result,
    codec: accumulatorCodec,
    retracting: { create, add, remove, result },
  };
}
