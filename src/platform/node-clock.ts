/** Time as Node.js tells it. */
import type { Cancellable, Clock } from './platform.ts';

/** Node.js turns a longer delay into 1 ms. */
const delayMsMax = 2 ** 31 - 1;

/** A timer keeps the process alive until it has run or is cancelled, as setTimeout does. */
export function nodeClock(): Clock {
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    after,
    soon: (run) => {
      setImmediate(run);
    },
  };
}

function after(delayMs: number, run: () => void): Cancellable {
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, delayMsMax);
    timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : run()), stepMs);
  };
  wait(delayMs);
  return { cancel: () => clearTimeout(timer) };
}
