/**
 * Lets one thread do something while another stands still and holds a lock for it.
 *
 *   main thread   holds the lock, calls the other one ─── waits ────────────> goes on, gives it up
 *   thread                                             └─> enter, run, leave ─┘
 *
 * Four bytes of shared memory. Whoever is called too late, when nobody waits any more, may not
 * enter.
 */
import { MillraceError } from '../platform/index.ts';

const asked = 0;
const entered = 1;
const left = 2;
const givenUp = 3;

export function makeGate(): SharedArrayBuffer {
  return new SharedArrayBuffer(4);
}

/** Runs `run` unless nobody waits for it any more; false then. */
export function passGate(gate: SharedArrayBuffer, run: () => void): boolean {
  const state = new Int32Array(gate);
  if (Atomics.compareExchange(state, 0, asked, entered) !== asked) return false;
  try {
    run();
  } finally {
    Atomics.store(state, 0, left);
    Atomics.notify(state, 0);
  }
  return true;
}

/** Stands still until the other thread has left; fails where that takes longer than `limitMs`. */
export function waitAtGate(gate: SharedArrayBuffer, limitMs: number): void {
  const state = new Int32Array(gate);
  Atomics.wait(state, 0, asked, limitMs);
  if (Atomics.compareExchange(state, 0, asked, givenUp) === asked) throw tooLong(limitMs, true);
  Atomics.wait(state, 0, entered, limitMs);
  if (Atomics.load(state, 0) !== left) throw tooLong(limitMs, false);
}

function tooLong(limitMs: number, retryable: boolean): MillraceError {
  const how = retryable ? 'did not begin with' : 'did not finish';
  return new MillraceError(
    'IO',
    `A worker thread ${how} what is done while nobody can claim its task within ${limitMs} ms: ` +
      'it has died, or the disk does not answer. Run the job again.',
    { retryable },
  );
}
