/** Commits changes of a task's state outside its epochs: while it is stopped, or before it runs. */
import { type Broker, type Claim, RecordBatchBuilder } from '../broker/index.ts';
import type { Clock } from '../platform/index.ts';
import type { Change } from '../state/index.ts';

export class StateCommits {
  readonly #broker: Broker;
  readonly #clock: Clock;
  readonly #changelog: string;
  #claim: Claim;

  constructor(broker: Broker, clock: Clock, claim: Claim, changelog: string) {
    this.#broker = broker;
    this.#clock = clock;
    this.#claim = claim;
    this.#changelog = changelog;
  }

  /** As of the last commit. */
  get claim(): Claim {
    return this.#claim;
  }

  /** One commit, durable once this resolves. */
  async commit(changes: Iterable<Change>): Promise<void> {
    const { task, incarnation, epoch } = this.#claim;
    const clockMs = Math.max(this.#clock.now(), this.#claim.clockMs);
    const builder = new RecordBatchBuilder();
    for (const { key, value } of changes) builder.append(clockMs, key, value);
    const { recordCount } = builder;
    const append = {
      ...{ topic: this.#changelog, partition: 0, batches: builder.build() },
      ...{ recordCount, maxTimestamp: clockMs },
    };
    const commit = { task, incarnation, epoch: epoch + 1, clockMs, positions: [] };
    await this.#broker.commit({ ...commit, appends: [append] });
    this.#claim = { ...this.#claim, epoch: epoch + 1, clockMs };
  }
}
