/**
 * Date and Math.random as a simulation wants them: of a seed, so that a function that asks them
 * answers something else in another run, and the same when the run is repeated.
 */
import { randomOf } from './random.ts';

/** Replaces them while `run` runs, which is synchronous: nobody else can see it. */
export function withSimulatedGlobals<Result>(seed: number, run: () => Result): Result {
  const { Date: realDate } = globalThis;
  const { random: realRandom } = Math;
  const random = randomOf(seed);
  // Seconds apart, and a little later at each look.
  let now = realDate.UTC(2026) + Math.floor(randomOf(~seed)() * 1e9) * 1000;
  const simulated = class extends realDate {
    constructor(...given: unknown[]) {
      // The constructor has overloads that no tuple says.
      super(...((given.length === 0 ? [++now] : given) as [number]));
    }
    static override now(): number {
      return ++now;
    }
  };
  try {
    globalThis.Date = simulated as DateConstructor; // but for calls without `new`
    Math.random = random;
    return run();
  } finally {
    globalThis.Date = realDate;
    Math.random = realRandom;
  }
}
