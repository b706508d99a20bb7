/** Event times and timers lie within what a Date can say, ms from the epoch in both directions. */
export const timeMax = 8.64e15;
