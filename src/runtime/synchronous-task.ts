/**
 * A task over a log in memory that never awaits: the same task, chain, state and commits as a job's
 * (task.ts), moved on by its caller instead of by task-loop.ts. For tests of jobs.
 *
 * All state is in the changelog, so a task that is opened again has what was committed, decoded
 * from bytes, and nothing else.
 */
import type { Claim, MemoryBroker } from '../broker/index.ts';
import { type Clock, MillraceError } from '../platform/index.ts';
import { assembleTask } from './assemble-task.ts';
import { nameSteps } from './compiler/names.ts';
import { ClockLimit, type EpochBudget } from './epoch-limit.ts';
import { epochsOf } from './epoch-log.ts';
import { asksOutside, type Graph } from './graph.ts';
import {
  changelogOf,
  changelogReader,
  isFirstRun,
  type MadeTopic,
  positionOf,
  stateInMemory,
  topicsMadeFor,
} from './open-task.ts';
import { taskNameOf } from './stages/job-tasks.ts';
import { type StoredStore, storedState } from './stored-state.ts';
import type { Task } from './task.ts';

export interface SynchronousTaskOptions {
  readonly graph: Graph;
  /** Its source topics exist. */
  readonly broker: MemoryBroker;
  readonly clock: Clock;
  /** Asked at each record: it may change. */
  readonly budget: EpochBudget;
  /** What the topics that the job makes are made with. */
  readonly futureTimestampsMaxMs: number;
}

/**
 * What happens at a commit: nothing special; or the task dies, and the commit never was; or it is
 * durable, and the task dies before it learns that.
 */
export type CommitFate = 'keep' | 'crash before' | 'crash after';

export class SynchronousTask {
  readonly task: Task;
  readonly #broker: MemoryBroker;
  readonly #changelog: string;

  constructor(options: SynchronousTaskOptions) {
    const { graph, broker, clock, budget } = options;
    if (asksOutside(graph)) {
      throw new MillraceError(
        'INVALID',
        `Job "${graph.job}" has a step that waits for answers (mapAsync), and this driver waits ` +
          'for nothing. Test what is asked by itself, and the job with run().',
      );
    }
    makeTopics(options);
    const claim: Claim = broker.claimNow(taskNameOf(graph.job), { takeOver: true });
    this.#broker = broker;
    this.#changelog = changelogOf(claim.task);
    this.task = assembleTask({
      ...{ graph, claim, broker, clock, changelog: this.#changelog },
      state: stateInMemory(this.#reader()),
      limit: new ClockLimit(clock, budget),
      positionOf: (partition, source) => positionOf(broker, claim, partition, source),
    });
    if (isFirstRun(this.task.parts.inputs, claim)) {
      this.task.committed(broker.commitNow(this.task.firstCommit()));
    }
  }

  /** Whether `runEpoch` has something to do now. */
  get isBusy(): boolean {
    return this.task.errors.pauseMs === 0 && (this.task.hasInput() || this.task.isDue());
  }

  /** In how many ms the clock alone gives it something to do; Infinity for never. */
  get wakeInMs(): number {
    return this.task.errors.pauseMs > 0 ? this.task.errors.pauseMs : this.task.wakeInMs();
  }

  /**
   * Runs one epoch and commits it; false where the task has died of it. `watermark`: where event
   * time goes on from, without records.
   */
  runEpoch(fateOf: () => CommitFate, watermark?: number): boolean {
    const { task } = this;
    task.beginEpoch(watermark === undefined ? undefined : { idle: undefined, watermark });
    while (!task.turn() && !task.isFull()); // the caller's clock stands still
    const commit = task.endEpoch();
    if (commit === undefined) return true;
    const fate = fateOf();
    if (fate === 'crash before') return false;
    const appended = this.#broker.commitNow(commit);
    if (fate === 'crash after') return false;
    task.committed(appended);
    return true;
  }

  /** The state as of the last commit, as a restart would find it. */
  stores(): StoredStore[] {
    return storedState(this.#reader().read(0), this.task.parts.state.declarations.stores);
  }

  #reader() {
    return changelogReader(this.#broker, { topic: this.#changelog, partition: 0 });
  }
}

function makeTopics({ graph, broker, futureTimestampsMaxMs }: SynchronousTaskOptions): void {
  nameSteps(graph);
  const task = taskNameOf(graph.job);
  const own = [changelogOf(task), epochsOf(task)].map((name) => ({ name, internal: true }));
  const topics: MadeTopic[] = [...topicsMadeFor(graph, broker), ...own];
  for (const { name, ...options } of topics) {
    if (broker.describeTopic(name) !== undefined) continue;
    broker.createTopicNow(name, { futureTimestampsMaxMs, ...options });
  }
}
