/** Pauses between tries double, up to a minute. */
const backOffMaxMs = 60_000;

/** The pause in ms after the n-th try without success, counted from 1. */
export function backOffAfter(tries: number, firstMs: number): number {
  return Math.min(firstMs * 2 ** (tries - 1), backOffMaxMs);
}
