/** How long the event loop was busy at a stretch. */

export interface Turns {
  /** The longest turn since the last call, in ms. */
  worst(): number;
  stop(): void;
}

/** Measures each turn from now on; keeps the loop going round. */
export function measureTurns(): Turns {
  let last = performance.now();
  let worst = 0;
  let stopped = false;
  const look = () => {
    const now = performance.now();
    worst = Math.max(worst, now - last);
    last = now;
    if (!stopped) setImmediate(look);
  };
  setImmediate(look);
  return {
    worst() {
      const since = worst;
      worst = 0;
      return since;
    },
    stop() {
      stopped = true;
    },
  };
}
