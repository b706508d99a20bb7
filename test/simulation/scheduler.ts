/**
 * The only clock of a simulation, and the only one that decides what runs next: a ready callback of
 * any process, drawn from the seed. Promises go on in between as they do; time moves when nothing
 * is ready, and a little now and then.
 */
import type { Cancellable, Clock } from '../../src/platform/index.ts';
import type { Choose } from '../support/choices.ts';

/** What a process has to do with time. */
export interface Lane {
  /** Nothing of it runs any more. */
  isDead: boolean;
  /** Nothing of it runs now. */
  isFrozen: boolean;
  /** Wall clock minus elapsed time. */
  clockOffsetMs: number;
}

interface Waiting {
  readonly lane: Lane;
  readonly run: () => void;
  readonly at: number;
}

/** One in so many callbacks is put off, as a thread that gets no processor is. */
const putOffOneIn = 150;
const putOffMsMax = 2500;
/** Callbacks from which a simulation is said to go on for ever. */
const stepsMax = 400_000;

export class Scheduler {
  elapsedMs = 0;
  steps = 0;
  /** Whether callbacks are put off. */
  isRough = true;
  readonly #choose: Choose;
  #waiting: Waiting[] = [];

  constructor(choose: Choose) {
    this.#choose = choose;
  }

  clockOf(lane: Lane): Clock {
    return {
      now: () => Math.floor(lane.clockOffsetMs + this.elapsedMs),
      monotonicMs: () => this.elapsedMs,
      after: (delayMs, run) => this.#add(lane, Math.max(0, delayMs), run),
      soon: (run) => void this.#add(lane, 0, run),
    };
  }

  /** Until `isDone`; false where that takes longer. */
  async run(limitMs: number, isDone: () => boolean = () => false): Promise<boolean> {
    const until = this.elapsedMs + limitMs;
    await turn();
    while (!isDone()) {
      const next = this.#next(until);
      if (next === undefined) return false;
      if (++this.steps > stepsMax) throw new Error(`goes on for ever: ${stepsMax} callbacks`);
      next.run();
      await turn();
    }
    return true;
  }

  #add(lane: Lane, delayMs: number, run: () => void): Cancellable {
    const waiting = { lane, at: this.elapsedMs + delayMs, run };
    if (!lane.isDead) this.#waiting.push(waiting);
    return {
      cancel: () => {
        const at = this.#waiting.indexOf(waiting);
        if (at !== -1) this.#waiting.splice(at, 1);
      },
    };
  }

  /** Undefined where nothing is to run before `until`, to which time has moved then. */
  #next(until: number): Waiting | undefined {
    this.#waiting = this.#waiting.filter(({ lane }) => !lane.isDead);
    for (;;) {
      if (this.#choose(8) === 0) this.elapsedMs += this.#choose(1000) / 1000;
      const awake = this.#waiting.filter(({ lane }) => !lane.isFrozen);
      const ready = awake.filter(({ at }) => at <= this.elapsedMs);
      const chosen = ready[ready.length === 0 ? 0 : this.#choose(ready.length)];
      if (chosen === undefined) {
        const at = Math.min(until, ...awake.map((waiting) => waiting.at));
        this.elapsedMs = Math.max(this.elapsedMs, at);
        if (at >= until) return undefined;
        continue;
      }
      this.#waiting.splice(this.#waiting.indexOf(chosen), 1);
      if (!this.isRough || this.#choose(putOffOneIn) !== 0) return chosen;
      this.#waiting.push({ ...chosen, at: this.elapsedMs + this.#choose(putOffMsMax) });
    }
  }
}

/** After one real turn of the event loop all promises that can go on have gone on. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
