/** A clock that stands still until it is moved. */
import type { Cancellable, Clock } from '../platform/index.ts';

export class VirtualClock implements Clock {
  readonly #startsAt: number;
  #elapsedMs = 0;

  constructor(startsAt: number) {
    this.#startsAt = startsAt;
  }

  now(): number {
    return this.#startsAt + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  advance(ms: number): void {
    this.#elapsedMs += ms;
  }

  /** Nothing of a synchronous task waits for the clock by itself. */
  after(): Cancellable {
    return { cancel: () => {} };
  }

  soon(run: () => void): void {
    queueMicrotask(run);
  }
}
