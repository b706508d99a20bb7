/**
 * Sums of floating-point numbers without any error, so that what is subtracted again leaves no
 * trace, in whatever order: 0.1 + 0.2 - 0.2 - 0.1 is 0, and 1e100 + 1 - 1e100 is 1.
 *
 * A sum is kept as a few numbers that share no digits, the smallest first: Shewchuk, "Adaptive
 * Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997.
 */

/** What the sum is made of. No numbers: it is 0. */
export type ExactSum = number[];

/** Adds to it, in place. Sums beyond the largest number are for the caller to refuse. */
export function addExactly(sum: ExactSum, value: number): void {
  let carried = value;
  let kept = 0;
  for (const part of sum) {
    const total = carried + part;
    const [large, small] = Math.abs(carried) < Math.abs(part) ? [part, carried] : [carried, part];
    const error = small - (total - large);
    if (error !== 0) sum[kept++] = error;
    carried = total;
  }
  sum.length = kept;
  if (carried !== 0) sum.push(carried);
}

/** The number nearest to the sum. */
export function roundedSum(sum: ExactSum): number {
  let i = sum.length - 1;
  let total = sum[i] ?? 0;
  let error = 0;
  while (i > 0 && error === 0) {
    const part = sum[--i] as number; // within it
    const next = total + part;
    error = part - (next - total);
    total = next;
  }
  // Exactly between two numbers: what is left says to which side.
  const rest = sum[i - 1] ?? 0;
  if (error !== 0 && Math.sign(error) === Math.sign(rest)) {
    const twice = 2 * error;
    const other = total + twice;
    if (other - total === twice) return other;
  }
  return total + 0; // -0 becomes 0
}
