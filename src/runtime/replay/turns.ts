/** Long work in short turns of the event loop, so that everything else in the process goes on. */
import type { Clock } from '../../platform/index.ts';

export class Turns {
  readonly #clock: Clock;
  readonly #turnMs: number;
  #ends: number;

  constructor(clock: Clock, turnMs: number) {
    this.#clock = clock;
    this.#turnMs = turnMs;
    this.#ends = clock.monotonicMs() + turnMs;
  }

  /** Whether the turn has had its time. */
  get isOver(): boolean {
    return this.#clock.monotonicMs() >= this.#ends;
  }

  /** Resolves in another turn. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    this.#ends = this.#clock.monotonicMs() + this.#turnMs;
  }
}
