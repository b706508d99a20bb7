/**
 * The log as one run of a job sees it: its reads can be small, its commits slow, and at a commit
 * the run can be stopped or lost, with the commit or without it.
 */
import type {
  Append,
  Appended,
  Batches,
  Broker,
  BrokerStatus,
  Claim,
  ClaimOptions,
  Commit,
  Position,
  ProducerSequence,
  TaskDescription,
  TopicDescription,
  TopicOptions,
  TopicPartition,
} from '../../src/broker/index.ts';

/**
 * What happens at a commit: `keep` nothing special; `stop`: the run is asked to stop after it;
 * `crash after`: it is durable, but the run dies before it learns that; `crash before`: the run
 * dies, and the commit never was.
 */
export type CommitFate = 'keep' | 'stop' | 'crash after' | 'crash before';

export interface RunBrokerOptions {
  /** Bytes that a read gives at most; at least one batch. */
  readonly readBytesMax: number;
  fateOf(): CommitFate;
  /** Resolves when a slow commit may begin. */
  beforeCommit(): Promise<void>;
  /** Asks the run to stop. */
  onStop(): void;
  /** The run is dead: it gets no answer any more. */
  onCrash(): void;
}

export class RunBroker implements Broker {
  readonly #broker: Broker;
  readonly #options: RunBrokerOptions;
  readonly #subscriptions: { close(): void }[] = [];
  #dead = false;

  constructor(broker: Broker, options: RunBrokerOptions) {
    this.#broker = broker;
    this.#options = options;
  }

  get id(): string {
    return this.#broker.id;
  }

  async commit(commit: Commit): Promise<readonly Appended[]> {
    if (this.#dead) return never();
    await this.#options.beforeCommit();
    switch (this.#options.fateOf()) {
      case 'keep':
        return this.#broker.commit(commit);
      case 'stop': {
        const answer = await this.#broker.commit(commit);
        this.#options.onStop();
        return answer;
      }
      case 'crash after':
        await this.#broker.commit(commit);
        return this.#crash();
      case 'crash before':
        return this.#crash();
    }
  }

  read(partition: TopicPartition, offset: number, bytesMax: number): Batches | undefined {
    const most = Math.min(bytesMax, this.#options.readBytesMax);
    return this.#broker.read(partition, offset, most);
  }

  subscribe(onChange: () => void): { close(): void } {
    const subscription = this.#broker.subscribe(onChange);
    this.#subscriptions.push(subscription);
    return subscription;
  }

  createTopic(name: string, options?: TopicOptions): Promise<void> {
    return this.#alive(() => this.#broker.createTopic(name, options));
  }

  deleteTopic(name: string): Promise<void> {
    return this.#alive(() => this.#broker.deleteTopic(name));
  }

  append(appends: readonly Append[], producer?: ProducerSequence): Promise<readonly Appended[]> {
    return this.#alive(() => this.#broker.append(appends, producer));
  }

  claim(task: string, options?: ClaimOptions): Promise<Claim> {
    return this.#alive(() => this.#broker.claim(task, options));
  }

  release(claim: Pick<Claim, 'task' | 'incarnation'>): Promise<void> {
    return this.#alive(() => this.#broker.release(claim));
  }

  whileNewest<Result>(
    claim: Pick<Claim, 'task' | 'incarnation'>,
    act: () => Result,
  ): Promise<Result> {
    return this.#alive(() => this.#broker.whileNewest(claim, act));
  }

  deleteRecordsBefore(
    position: Position,
    claim?: Pick<Claim, 'task' | 'incarnation'>,
  ): Promise<void> {
    return this.#alive(() => this.#broker.deleteRecordsBefore(position, claim));
  }

  describeTopic(name: string): TopicDescription | undefined {
    return this.#broker.describeTopic(name);
  }

  listTopics(): TopicDescription[] {
    return this.#broker.listTopics();
  }

  positionOf(task: string, partition: TopicPartition): number | undefined {
    return this.#broker.positionOf(task, partition);
  }

  describeTask(task: string): TaskDescription | undefined {
    return this.#broker.describeTask(task);
  }

  endOf(partition: TopicPartition): number {
    return this.#broker.endOf(partition);
  }

  startOf(partition: TopicPartition): number {
    return this.#broker.startOf(partition);
  }

  offsetAtTimestamp(partition: TopicPartition, timestamp: number): number {
    return this.#broker.offsetAtTimestamp(partition, timestamp);
  }

  status(): BrokerStatus {
    return this.#broker.status();
  }

  close(): Promise<void> {
    return this.#broker.close();
  }

  #alive<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    return this.#dead ? never() : call();
  }

  #crash(): Promise<never> {
    this.#dead = true;
    for (const subscription of this.#subscriptions) subscription.close();
    this.#options.onCrash();
    return never();
  }
}

/** What a dead process is told. */
function never(): Promise<never> {
  return new Promise(() => {});
}
