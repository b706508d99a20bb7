/**
 * Where a replay writes: commits of a task of its own, so that no two replays of one name write at
 * once. A commit is on its way while the next epoch is computed.
 */
import type { Append, Broker, Claim } from '../../broker/index.ts';
import type { Clock } from '../../platform/index.ts';

export class ReplayOutput {
  readonly #broker: Broker;
  readonly #clock: Clock;
  readonly #claim: Claim;
  #epoch: number;
  #clockMs: number;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(broker: Broker, clock: Clock, claim: Claim) {
    this.#broker = broker;
    this.#clock = clock;
    this.#claim = claim;
    this.#epoch = claim.epoch;
    this.#clockMs = claim.clockMs;
  }

  /** Waits for what was written before, and begins to write; fails as that did. */
  async write(appends: readonly Append[]): Promise<void> {
    if (appends.length === 0) return;
    await this.#writing;
    const { task, incarnation } = this.#claim;
    this.#epoch++;
    this.#clockMs = Math.max(this.#clockMs, this.#clock.now());
    const commit = { task, incarnation, epoch: this.#epoch, clockMs: this.#clockMs };
    this.#writing = this.#broker.commit({ ...commit, positions: [], appends });
    this.#writing.catch(() => {}); // told to whoever writes next, or waits
  }

  /** Resolves when all is durable. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** Lets another replay of the name begin. */
  async release(): Promise<void> {
    await this.#writing.catch(() => {});
    await this.#broker.release(this.#claim).catch(() => {}); // a successor holds it
  }
}
