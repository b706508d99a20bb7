/** Time that stands still until a test moves it, and the order in which what waits for it runs. */

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Turns of the event loop after which `settle` says that something goes on for ever. */
const turnsMax = 100_000;

export class SimulatedTime {
  /** Ms since the machine was switched on. */
  elapsedMs = 0;
  #soon: (() => void)[] = [];
  readonly #timers = new Set<Timer>(); // in the order in which they were set
  readonly #outside = new Set<Promise<unknown>>();

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  after(delayMs: number, run: () => void): { cancel(): void } {
    const timer = { at: this.elapsedMs + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Something that takes real time, such as the import of a module: nothing runs beside it. */
  async hold<Result>(outside: Promise<Result>): Promise<Result> {
    this.#outside.add(outside);
    try {
      return await outside;
    } finally {
      this.#outside.delete(outside);
    }
  }

  /** Runs what can run now: promises, `soon`, background work. Time does not move. */
  async settle(): Promise<void> {
    await this.#turn();
    for (let turns = 0; this.#soon.length > 0; turns++) {
      if (turns > turnsMax)
        throw new Error('settle() does not end: something calls soon() for ever');
      const runs = this.#soon;
      this.#soon = [];
      for (const run of runs) run();
      await this.#turn();
    }
  }

  /** Moves the time, and runs each timer at its own. */
  async advance(ms: number): Promise<void> {
    const until = this.elapsedMs + ms;
    await this.settle();
    for (let timer = this.#next(until); timer !== undefined; timer = this.#next(until)) {
      this.#timers.delete(timer);
      this.#passTo(timer.at);
      timer.run();
      await this.settle();
    }
    this.#passTo(until);
  }

  /** Something synchronous that takes a while: what falls due meanwhile runs late. */
  work(ms: number): void {
    this.elapsedMs += ms;
  }

  #passTo(ms: number): void {
    this.elapsedMs = Math.max(this.elapsedMs, ms);
  }

  /** After one real turn of the event loop all promises that can go on have gone on. */
  async #turn(): Promise<void> {
    do {
      await Promise.allSettled(this.#outside);
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    } while (this.#outside.size > 0);
  }

  #next(until: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= until && (next === undefined || timer.at < next.at)) next = timer;
    }
    return next;
  }
}
