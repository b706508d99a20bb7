/**
 * Makes a failing list smaller: delta debugging (Zeller, Hildebrandt: "Simplifying and Isolating
 * Failure-Inducing Input", 2002), for what remains when pieces are left out. Steps are all it has
 * to know, so it needs no library of its own.
 */

/**
 * The smallest list found for which `fails` holds, as it does for `list`; tries at most `triesMax`.
 */
export function shrunk<Item>(
  list: readonly Item[],
  fails: (list: readonly Item[]) => boolean,
  triesMax: number,
): readonly Item[] {
  let smallest = list;
  let tries = 0;
  for (let size = Math.ceil(list.length / 2); size >= 1; ) {
    let removed = false;
    for (let start = 0; start < smallest.length && tries < triesMax; tries++) {
      const without = [...smallest.slice(0, start), ...smallest.slice(start + size)];
      if (fails(without)) {
        smallest = without;
        removed = true;
      } else start += size;
    }
    if (tries >= triesMax) return smallest;
    if (size === 1 && !removed) return smallest;
    if (size > 1 || !removed) size = Math.ceil(size / 2);
  }
  return smallest;
}
