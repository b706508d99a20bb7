/** Where a test leaves something to chance, and can replay it. */

/** A whole number from 0 to `count - 1`. */
export type Choose = (count: number) => number;

/** The same choices for the same seed (mulberry32). */
export function seededChoices(seed: number): Choose {
  let state = seed >>> 0;
  return (count) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count;
  };
}

/** In a power cut: nothing that was not synced survives. */
export const loseEverything: Choose = () => 0;

/** In a power cut: everything survives. */
export const loseNothing: Choose = (count) => count - 1;
