/** A process of a simulation, which runs its part of a job until it is stopped, or worse. */
import type { Appended, Commit, MemoryBroker } from '../../src/broker/index.ts';
import {
  isMillraceError,
  MillraceError,
  messageOf,
  nodePlatform,
} from '../../src/platform/index.ts';
import type { Graph } from '../../src/runtime/graph.ts';
import { JobRunner } from '../../src/runtime/job-runner.ts';
import type { Choose } from '../support/choices.ts';
import type { Lane, Scheduler } from './scheduler.ts';

/** What happens to a commit. */
export type CommitFate = 'kept' | 'unknown before' | 'unknown after' | 'kill before' | 'kill after';

export interface ProcessOptions {
  readonly name: string;
  readonly graph: Graph;
  readonly log: MemoryBroker;
  readonly scheduler: Scheduler;
  readonly choose: Choose;
  readonly clockOffsetMs: number;
  fateOf(commit: Commit): CommitFate;
  trace(what: string): void;
}

/** After so long the others take a process that stands still for dead; as the heartbeat has it. */
const heartbeatMs = 5000;
const never = new Promise<never>(() => {});
/** What the log refuses, and faults that were asked for. */
const expectedCodes = ['TASK_HELD', 'FENCED', 'OUTCOME_UNKNOWN'] as const;

export class SimulatedJobProcess {
  readonly name: string;
  readonly runner: JobRunner;
  readonly lane: Lane;
  /** `left`: stopped, with all that it had released. */
  hasLeft = false;
  isLeaving = false;
  failure: unknown;
  readonly #options: ProcessOptions;
  #frozenAtMs = 0;

  constructor(options: ProcessOptions) {
    const { name, graph, log, scheduler, clockOffsetMs } = options;
    this.name = name;
    this.#options = options;
    this.lane = { isDead: false, isFrozen: false, clockOffsetMs };
    const clock = scheduler.clockOf(this.lane);
    const broker = log.process(name, { clock, isLive: () => this.#isLive });
    broker.appendNow([]); // writes nothing, but has seen the log then, as whoever opens one
    const commit = broker.commit.bind(broker);
    broker.commit = (of) => this.#commit(of, commit);
    this.runner = new JobRunner({
      ...{ graph, broker, directory: undefined, workers: undefined },
      platform: { ...nodePlatform(), clock },
      settings: this.#settings(),
      onEnd: async () => {},
    });
    this.runner.done.then(
      () => this.#leave(),
      (error) => {
        this.failure = error;
        this.#leave();
      },
    );
  }

  get isAwake(): boolean {
    return !this.lane.isDead && !this.lane.isFrozen && !this.hasLeft;
  }

  get isZombie(): boolean {
    return this.lane.isFrozen && !this.lane.isDead;
  }

  /** Failures that nothing in the simulation explains. */
  get failures(): string[] {
    const errors = this.failure === undefined ? this.runner.errors : [this.failure];
    return errors.flatMap((error) => {
      if (expectedCodes.some((code) => isMillraceError(error, code))) return [];
      return `${this.name}: ${error instanceof Error ? error.stack : messageOf(error)}`;
    });
  }

  kill(): void {
    this.lane.isDead = true;
  }

  freeze(): void {
    this.lane.isFrozen = true;
    this.#frozenAtMs = this.#options.scheduler.elapsedMs;
  }

  wake(): void {
    this.lane.isFrozen = false;
  }

  leave(options: { readonly drain?: boolean } = {}): void {
    this.isLeaving = true;
    this.runner.stop(options).catch((error) => {
      this.failure ??= error;
    });
  }

  #leave(): void {
    this.hasLeft = true;
    this.lane.isDead = true;
    this.#options.trace(
      `${this.name} has ended${this.failure === undefined ? '' : ' by a failure'}`,
    );
  }

  get #isLive(): boolean {
    if (this.lane.isDead) return false;
    return (
      !this.lane.isFrozen || this.#options.scheduler.elapsedMs - this.#frozenAtMs < heartbeatMs
    );
  }

  async #commit(
    of: Commit,
    commit: (of: Commit) => Promise<readonly Appended[]>,
  ): Promise<readonly Appended[]> {
    const { fateOf, trace, scheduler } = this.#options;
    const fate = fateOf(of);
    const what = `${this.name} ${of.task} commits ${of.epoch}`;
    if (fate !== 'kept') trace(`${what}: ${fate}`);
    if (fate === 'unknown before') throw unknownOutcome(of);
    if (fate === 'kill before') return this.#die();
    const answer = await commit(of).catch((error) => {
      trace(`${what}: ${isMillraceError(error) ? error.code : messageOf(error)}`);
      throw error;
    });
    const to = of.positions.map(
      ({ topic, partition, offset }) => `${topic}/${partition}@${offset}`,
    );
    trace(`${what} at ${scheduler.elapsedMs.toFixed(1)}: ${to.join(' ')}`);
    if (fate === 'unknown after') throw unknownOutcome(of);
    if (fate === 'kill after') return this.#die();
    return answer;
  }

  #die(): Promise<never> {
    this.kill();
    return never;
  }

  /** Turns and epochs end after as many records as the seed wants. */
  #settings() {
    const { choose } = this.#options;
    const longest = [1, 3, 10, 1000][choose(4)] ?? 1;
    const budget = {
      ...{ turnMs: 5, epochMs: 50, epochBytes: 1024 * 1024 },
      get epochRecords() {
        return 1 + choose(longest);
      },
    };
    return {
      ...{ durable: false, takeOver: false, rebuildState: false, budget, run: this.name },
      ...{ foldIntervalMs: 10_000, foldCpuShare: 0.25 },
      ...{ stateMemoryMax: 2 ** 26, unfoldedBytesMax: 2 ** 24, walBytesMax: 2 ** 26 },
    };
  }
}

function unknownOutcome({ task, epoch }: Commit): MillraceError {
  return new MillraceError('OUTCOME_UNKNOWN', `Nobody knows of epoch ${epoch} of ${task}.`);
}
