/**
 * Exact sums of floating-point numbers in a form that depends on nothing but the sum: not on the
 * order of the numbers, nor on how sums were merged.
 *
 *   0.1 + 0.2 + 1e16   is   [ 1e16, 0.30000000000000004, count, -2.7755575615628914e-17 ]
 *                             the number nearest to the sum
 *                                   that nearest to what is left of it
 *                                                               and so on, until nothing is left
 *
 * Shewchuk's expansions (exact-sum.ts) are exact, but one sum has many of them. This one is what
 * rounding to the nearest number makes of it, again and again, which is the same whatever came
 * first. Each part is at most half a last digit of the one before it, so two parts hold 106 bits,
 * enough for about anything that was measured in decimals: a million prices in cents take two.
 *
 * Whole numbers up to 2^53 take one addition. Accumulators of jobs that kept a compensation in the
 * second place are taken as they are: both parts count, and come into this form with the next one.
 */
import { finite } from './aggregate.ts';
import { addExactly, type ExactSum, roundedSum } from './exact-sum.ts';

/** Parts that there are not are 0, or left out behind the count. Plain JSON. */
export type CanonicalSum = [high: number, low: number, count: number, ...lower: number[]];

const partsBeforeLower = 3;

/** Adds a finite number, and does not count it. Fails with `USER_FUNCTION` beyond all numbers. */
export function addToSum(state: CanonicalSum, value: number, aggregate: string): void {
  // By index, without an iterator: this runs for every record.
  const high = state[0];
  const low = state[1];
  const sum = high + value;
  if (low === 0 && sum - high === value && sum - value === high) {
    state[0] = sum; // nothing was rounded
    return;
  }
  const rest = low + errorOf(high, value, sum);
  const total = sum + rest;
  const fitsInTwo = state.length === partsBeforeLower && isExact(low, high, value, sum, rest);
  if (!fitsInTwo || !Number.isFinite(total)) {
    addToAll(state, value, aggregate);
    return;
  }
  state[0] = total;
  state[1] = errorOf(sum, rest, total);
}

/** Whether `rest` is the low part and what the sum has lost, without a loss of its own. */
function isExact(low: number, high: number, value: number, sum: number, rest: number): boolean {
  return errorOf(low, errorOf(high, value, sum), rest) === 0;
}

/** Adds a sum, which stays as it is; the counts are added too. */
export function mergeSums(state: CanonicalSum, other: CanonicalSum, aggregate: string): void {
  for (let i = other.length - 1; i >= partsBeforeLower; i--) {
    addToSum(state, other[i] as number, aggregate); // below the length
  }
  addToSum(state, other[1], aggregate);
  addToSum(state, other[0], aggregate);
  state[2] += other[2];
}

/** The number nearest to the sum. */
export function nearestToSum(state: CanonicalSum): number {
  return state.length > partsBeforeLower ? state[0] : state[0] + state[1];
}

/** What is lost where `sum` is what `a + b` was rounded to (Knuth's TwoSum); NaN beyond numbers. */
function errorOf(a: number, b: number, sum: number): number {
  const bRounded = sum - a;
  return a - (sum - bRounded) + (b - bRounded);
}

/** The same for any number of parts. */
function addToAll(state: CanonicalSum, value: number, aggregate: string): void {
  const parts = state.slice(partsBeforeLower - 1);
  parts[0] = state[1]; // the count stood there
  parts.unshift(state[0]);
  let carried = value;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as number; // below the length
    const sum = part + carried;
    carried = errorOf(part, carried, sum);
    parts[i] = sum;
  }
  parts.push(carried);
  const compressed = compress(parts);
  const inForm = isCanonical(compressed) ? compressed : roundedAgainAndAgain(parts);
  finite(inForm[0] ?? 0, aggregate);
  state[0] = inForm[0] ?? 0;
  state[1] = inForm[1] ?? 0;
  state.length = partsBeforeLower;
  for (let i = 2; i < inForm.length; i++) state.push(inForm[i] as number); // below the length
}

/** Moves what it can upwards, then leaves out what is 0: Shewchuk's Compress, greatest first. */
function compress(parts: readonly number[]): number[] {
  const moved = parts.slice();
  let above = moved.at(-1) ?? 0;
  for (let i = moved.length - 2; i >= 0; i--) {
    const part = moved[i] as number; // below the length
    const sum = part + above;
    moved[i + 1] = errorOf(part, above, sum);
    above = sum;
  }
  const compressed: number[] = [];
  for (let i = 1; i < moved.length; i++) {
    const part = moved[i] as number; // below the length
    const sum = above + part;
    const error = errorOf(above, part, sum);
    if (error !== 0) compressed.push(sum);
    above = error === 0 ? sum : error;
  }
  if (above !== 0) compressed.push(above);
  return compressed;
}

/**
 * Whether each part is what it and all behind it are rounded to: it is where it is that of the next
 * one, which leaves no room for the rest unless it is just half a last digit.
 */
function isCanonical(parts: readonly number[]): boolean {
  for (let i = 0; i + 1 < parts.length; i++) {
    const [part, next] = [parts[i] as number, parts[i + 1] as number]; // below the length
    if (part + next !== part) return false;
    const twice = 2 * next;
    if (i + 2 < parts.length && part + twice - part === twice) return false;
  }
  return true;
}

/** The form by its definition: a few times the work. Infinite beyond all numbers. */
function roundedAgainAndAgain(parts: readonly number[]): number[] {
  const sum: ExactSum = [];
  for (const part of parts.toReversed()) addExactly(sum, part);
  if (!Number.isFinite(sum.at(-1) ?? 0)) return [Number.POSITIVE_INFINITY];
  const rounded: number[] = [];
  while (sum.length > 0) {
    const part = roundedSum(sum);
    rounded.push(part);
    if (!Number.isFinite(part)) break;
    addExactly(sum, -part);
  }
  return rounded;
}
