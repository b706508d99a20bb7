/** Commits changes of a task's state outside its epochs: while it is stopped, or before it runs. */
import { type Broker, type Claim, RecordBatchBuilder } from '../broker/index.ts';
import type { Clock } from '../platform/index.ts';
import type { Change } from '../state/index.ts';
import { dropAppend } from './epoch-log.ts';

/** As they lie in the changelog, before offset `end`. */
export interface CommittedChanges {
  readonly batches: Uint8Array;
  readonly end: number;
}

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

  /** One commit, durable once this resolves. `dropped`: names of state that goes with it. */
  async commit(
    changes: Iterable<Change>,
    dropped: readonly string[] = [],
  ): Promise<CommittedChanges> {
    const { task, incarnation, epoch } = this.#claim;
    const clockMs = Math.max(this.#clock.now(), this.#claim.clockMs);
    const builder = new RecordBatchBuilder();
    for (const { key, value } of changes) builder.append(clockMs, key, value);
    const { recordCount } = builder;
    const batches = builder.build();
    const append = {
      ...{ topic: this.#changelog, partition: 0, batches },
      ...{ recordCount, maxTimestamp: clockMs },
    };
    const next = epoch + 1;
    const drop = { epoch: next, states: dropped };
    const recorded = dropped.length === 0 ? [] : [dropAppend(task, clockMs, drop)];
    const commit = { task, incarnation, epoch: next, clockMs, positions: [] };
    const [appended] = await this.#broker.commit({ ...commit, appends: [append, ...recorded] });
    this.#claim = { ...this.#claim, epoch: next, clockMs };
    return { batches, end: (appended?.baseOffset ?? 0) + recordCount };
  }
}
