/**
 * The broker around a place where entries are kept: what MemoryBroker and EmbeddedBroker have in
 * common.
 */
import { type Clock, checkNumbers, checkOptions, MillraceError } from '../platform/index.ts';
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
  TopicOptions,
  TopicPartition,
} from './broker.ts';
import type { Catalogue, TaskState } from './catalogue.ts';
import { Committer, type CommitterOptions } from './committer.ts';
import { describeTask, positionsOf } from './descriptions.ts';
import type { EntryStore, PlannedOperation } from './entry-store.ts';
import { LogFollower } from './log-follower.ts';
import type { Holder } from './operation.ts';
import { fenced, partitionOfCatalogue, topicOfCatalogue } from './requests.ts';
import { checkPartitions, checkTopicName } from './topic-names.ts';

const topicOptions = ['partitions', 'futureTimestampsMaxMs', 'internal'] as const;

/** 7 days. */
const futureTimestampsMaxMsDefault = 7 * 24 * 60 * 60 * 1000;

/** Checks a request that goes alone, and says what is written for it. */
export type AlonePlan<Answer> = (catalogue: Catalogue) => {
  readonly operations: readonly PlannedOperation[];
  readonly answer: Answer;
};

export interface LogBrokerOptions {
  readonly id: string;
  readonly store: EntryStore;
  readonly clock: Clock;
  readonly committer: CommitterOptions;
  /** This process, as a holder of tasks. */
  readonly holder: Holder;
  /** Whether the holder of a task still lives. */
  isLive(holder: Holder): boolean;
}

export class LogBroker extends LogFollower implements Broker {
  readonly #store: EntryStore;
  readonly #options: LogBrokerOptions;
  protected readonly committer: Committer;
  readonly #poll: { close(): void };
  readonly #turns: { close(): void };
  /**
   * From the first reader on: who only writes sees the entries of others when it has the lock, and
   * being woken by each of them would slow down their writers.
   */
  #watch: { close(): void } | undefined;
  #commits = 0;
  #bytesAppended = 0;

  constructor(options: LogBrokerOptions) {
    super(options.id, options.store);
    this.#options = options;
    this.#store = options.store;
    this.committer = new Committer(options.store, options.clock, options.committer, () =>
      this.notify(),
    );
    this.#poll = options.store.poll(() => this.follow());
    this.#turns = options.store.watchTurn(() => this.committer.takeTurn());
  }

  async createTopic(
    name: string,
    options: TopicOptions & { readonly internal?: boolean } = {},
  ): Promise<void> {
    await this.committer.submitAlone(topicPlan(name, options));
  }

  async deleteTopic(name: string): Promise<void> {
    await this.committer.submitAlone((catalogue) => {
      const topic = topicOfCatalogue(catalogue, name);
      return { operations: [{ kind: 'deleteTopic', topic: topic.id }], answer: undefined };
    });
  }

  async append(
    appends: readonly Append[],
    producer?: ProducerSequence,
  ): Promise<readonly Appended[]> {
    const answer = await this.committer.submitShared({ kind: 'append', appends, producer });
    this.#count(appends);
    return answer;
  }

  async commit(commit: Commit): Promise<readonly Appended[]> {
    const answer = await this.committer.submitShared({ kind: 'commit', commit });
    this.#count(commit.appends);
    this.#commits++;
    return answer;
  }

  claim(task: string, options: ClaimOptions = {}): Promise<Claim> {
    return this.committer.submitAlone(this.claimPlan(task, options));
  }

  describeTask(task: string): TaskDescription | undefined {
    const { holder, isLive } = this.#options;
    return describeTask(this.catalogue, task, (held) => ({
      ...held,
      isLive: isLive(held),
      isThis: held.instance === holder.instance,
    }));
  }

  whileNewest<Result>(
    claim: { readonly task: string; readonly incarnation: number },
    run: () => Result,
  ): Promise<Result> {
    return this.committer.submitAlone((catalogue) => {
      requireNewest(catalogue, claim);
      return { operations: [], answer: run() };
    });
  }

  async release(claim: { readonly task: string; readonly incarnation: number }): Promise<void> {
    const { task, incarnation } = claim;
    await this.committer.submitAlone((catalogue) => {
      requireNewest(catalogue, claim);
      return { operations: [{ kind: 'release', task, incarnation }], answer: undefined };
    });
  }

  async deleteRecordsBefore(
    position: Position,
    claim?: { readonly task: string; readonly incarnation: number },
  ): Promise<void> {
    await this.committer.submitAlone((catalogue) => {
      if (claim !== undefined) requireNewest(catalogue, claim);
      const { topic, state } = partitionOfCatalogue(catalogue, position);
      if (position.offset > state.end) {
        throw new MillraceError(
          'OFFSET_OUT_OF_RANGE',
          `The log of ${position.topic}/${position.partition} can't begin at ` +
            `${position.offset}: it ends at ${state.end}.`,
        );
      }
      if (position.offset <= state.start) return { operations: [], answer: undefined };
      const { partition, offset } = position;
      return {
        operations: [{ kind: 'logStart', topic: topic.id, partition, offset }],
        answer: undefined,
      };
    });
  }

  override endOf(partition: TopicPartition): number {
    this.#watchOthers();
    return super.endOf(partition);
  }

  override read(partition: TopicPartition, offset: number, bytesMax: number): Batches | undefined {
    this.#watchOthers();
    return super.read(partition, offset, bytesMax);
  }

  override subscribe(onChange: () => void): { close(): void } {
    this.#watchOthers();
    return super.subscribe(onChange);
  }

  /** As `subscribe`, but told of other processes' entries only when this one comes across them. */
  protected listen(onChange: () => void): { close(): void } {
    return super.subscribe(onChange);
  }

  status(): BrokerStatus {
    return {
      sequence: this.catalogue.applied,
      commits: this.#commits,
      bytesAppended: this.#bytesAppended,
      worstStall: this.committer.worstStall,
    };
  }

  async close(): Promise<void> {
    await this.committer.close();
    this.#watch?.close();
    this.#turns.close();
    this.#poll.close();
    this.closeView();
  }

  protected claimPlan(task: string, options: ClaimOptions): AlonePlan<Claim> {
    const { holder, isLive } = this.#options;
    return (catalogue) => {
      const state = catalogue.tasks.get(task);
      if (state?.holder !== undefined && options.takeOver !== true && isLive(state.holder)) {
        throw taskHeld(task, state.holder);
      }
      const incarnation = (state?.incarnation ?? 0) + 1;
      return {
        operations: [{ kind: 'claim', task, incarnation, holder }],
        answer: claimOf(catalogue, task, incarnation, state),
      };
    };
  }

  #watchOthers(): void {
    this.#watch ??= this.#store.watch(() => this.follow());
  }

  #count(appends: readonly Append[]): void {
    for (const append of appends) this.#bytesAppended += append.batches.length;
  }
}

/** Checks what a topic is made with; the plan makes it. */
export function topicPlan(
  name: string,
  options: TopicOptions & { readonly internal?: boolean },
): AlonePlan<undefined> {
  checkTopicName(name);
  checkOptions(`createTopic("${name}")`, options, topicOptions);
  checkNumbers(`createTopic("${name}")`, options, ['futureTimestampsMaxMs']);
  const partitions = options.partitions ?? 1;
  checkPartitions(partitions);
  return (catalogue) => {
    if (catalogue.topicIds.has(name)) {
      throw new MillraceError('TOPIC_EXISTS', `There is a topic "${name}" already.`);
    }
    const operation = {
      kind: 'createTopic' as const,
      topic: catalogue.nextTopic,
      name,
      partitions,
      internal: options.internal ?? false,
      futureTimestampsMaxMs: options.futureTimestampsMaxMs ?? futureTimestampsMaxMsDefault,
    };
    return { operations: [operation], answer: undefined };
  };
}

function requireNewest(
  catalogue: Catalogue,
  claim: { readonly task: string; readonly incarnation: number },
): void {
  const newest = catalogue.tasks.get(claim.task)?.incarnation;
  if (newest !== claim.incarnation) throw fenced(claim.task, claim.incarnation, newest);
}

function claimOf(
  catalogue: Catalogue,
  task: string,
  incarnation: number,
  state: TaskState | undefined,
): Claim {
  const positions = state === undefined ? [] : positionsOf(catalogue, state);
  return { task, incarnation, epoch: state?.epoch ?? 0, clockMs: state?.clockMs ?? 0, positions };
}

function taskHeld(task: string, holder: Holder): MillraceError {
  return new MillraceError(
    'TASK_HELD',
    `Task "${task}" is run by process ${holder.pid} on ${holder.host}, which is alive. ` +
      'Stop it first, or take the task over (--take-over): the other one is fenced off, and ' +
      'nothing of it is lost.',
  );
}
