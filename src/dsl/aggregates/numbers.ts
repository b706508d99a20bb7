/**
 * count, sum, min, max, mean, share.
 *
 * Sums are compensated (Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher
 * Summen", 1974), so that a mean of many values loses no digits to their number.
 */
import { type Aggregate, accumulatorCodec, finite } from './aggregate.ts';

/**
 * How many records.
 * @example .aggregate({ flights: count() })
 */
export function count(): Aggregate<unknown, number> {
  return {
    name: 'count',
    create: () => 0,
    add: (accumulator) => (accumulator as number) + 1, // what create made
    merge: (left, right) => (left as number) + (right as number), // the same
    result: (accumulator) => accumulator as number, // the same
    codec: accumulatorCodec,
  };
}

/** Sum and compensation. */
type Sum = [sum: number, compensation: number, count: number];

/**
 * The sum of what `select` returns, which must be finite numbers (else `USER_FUNCTION`).
 * @example .aggregate({ balance: sum((p) => p.amount) })
 */
export function sum<Value>(select: (value: Value) => number): Aggregate<Value, number> {
  return summing('sum', select, ([total, compensation]) => total + compensation);
}

/**
 * The arithmetic mean of what `select` returns, which must be finite numbers.
 * @example .aggregate({ meanDelay: mean((f) => f.delay) })
 */
export function mean<Value>(select: (value: Value) => number): Aggregate<Value, number> {
  return summing('mean', select, ([total, compensation, n]) => (total + compensation) / n);
}

function summing<Value>(
  name: string,
  select: (value: Value) => number,
  result: (accumulator: Sum) => number,
): Aggregate<Value, number> {
  return {
    name,
    create: (): Sum => [0, 0, 0],
    add(accumulator, value) {
      const state = accumulator as Sum; // what create made
      addTo(state, finite(select(value), name), name);
      state[2]++;
      return state;
    },
    merge(left, right) {
      const [total, compensation, n] = right as Sum; // what create made
      const state = left as Sum; // the same
      addTo(state, total, name);
      state[1] += compensation;
      state[2] += n;
      return state;
    },
    result: (accumulator) => result(accumulator as Sum), // what create made
    codec: accumulatorCodec,
  };
}

function addTo(state: Sum, value: number, name: string): void {
  const [total] = state;
  const next = finite(total + value, name);
  state[1] += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
  state[0] = next;
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
export function share<Value>(holds: (value: Value) => boolean): Aggregate<Value, number> {
  type Share = [held: number, all: number];
  return {
    name: 'share',
    create: (): Share => [0, 0],
    add(accumulator, value) {
      const state = accumulator as Share; // what create made
      if (holds(value)) state[0]++;
      state[1]++;
      return state;
    },
    merge(left, right) {
      const [a, b] = [left as Share, right as Share]; // what create made
      return [a[0] + b[0], a[1] + b[1]];
    },
    result: (accumulator) => {
      const [held, all] = accumulator as Share; // what create made
      return held / all;
    },
    codec: accumulatorCodec,
  };
}
