/**
 * Runs a job: its tasks, one or several, and answers questions about it.
 *
 * A task that fails for good ends the job: the others stop with a last commit.
 */
import type { Observable } from 'rxjs';
import type { Broker } from '../broker/index.ts';
import { messageOf, type Platform } from '../platform/index.ts';
import type { Graph } from './graph.ts';
import { prepareTopics } from './open-task.ts';
import { type JobTasks, makeExchanges, type TaskSpec, tasksOf } from './stages/job-tasks.ts';
import { layoutFor } from './stages/layout.ts';
import type { JobMetrics, JobState, JobStatus } from './status.ts';
import { StatusFeed } from './status-feed.ts';
import { noCounts, recordsOf, sumOf } from './task-counts.ts';
import { TaskRunner, type TaskRunnerOptions, type TaskSnapshot } from './task-runner.ts';

/** A job that runs in this process. */
export interface JobHandle {
  /** The job's name. */
  readonly job: string;
  /** The status now: state, watermark, lag of each partition, metrics, the last failure. */
  status(): JobStatus;
  /**
   * The status now, and after each change; at most ten a second. Completes when the job has ended.
   */
  readonly status$: Observable<JobStatus>;
  /** Counters now. */
  metrics(): JobMetrics;
  /** Failures so far, the latest last; at most 100 are kept. */
  readonly errors: readonly Error[];
  /** Resolves when the job has stopped; rejects with the failure that ended it. */
  readonly done: Promise<void>;
  /**
   * Ends the job with a last commit; resolves when that is durable and the task is released. With
   * `drain` all input is read first, and event time runs on until every window and timer that is
   * waiting has fired.
   */
  stop(options?: { readonly drain?: boolean }): Promise<void>;
}

export interface JobRunnerOptions
  extends Omit<TaskRunnerOptions, 'onError' | 'onState' | 'onProgress' | 'shared'> {
  readonly graph: Graph;
  readonly broker: Broker;
  readonly platform: Platform;
  /** Called when the job has ended, however it did. */
  onEnd(): Promise<void>;
}

const errorsMax = 100;

export class JobRunner implements JobHandle {
  readonly done: Promise<void>;
  readonly #options: JobRunnerOptions;
  readonly #status: StatusFeed<JobStatus>;
  readonly #errors: Error[] = [];
  readonly #tasks = new Map<string, TaskRunner>();
  #end: 'stopped' | 'failed' | undefined;
  #stop: { readonly drain: boolean } | undefined;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    this.#status = new StatusFeed(options.platform.clock, () => this.status());
    this.done = this.#run();
    this.done.catch(() => {}); // also told by status; nobody has to await it
  }

  get job(): string {
    return this.#options.graph.job;
  }

  get status$(): Observable<JobStatus> {
    return this.#status.status$;
  }

  get errors(): readonly Error[] {
    return this.#errors;
  }

  status(): JobStatus {
    const tasks = this.#snapshots();
    const watermark = Math.min(...tasks.map((task) => task.watermark));
    return {
      job: this.job,
      state: this.#stateOf(tasks),
      waitingFor: tasks.find((task) => task.waitingFor !== undefined)?.waitingFor,
      rebuild: tasks.find((task) => task.rebuild !== undefined)?.rebuild,
      watermark: Number.isFinite(watermark) ? watermark : undefined,
      partitions: tasks.flatMap(({ partitions }) => partitions),
      metrics: this.metrics(),
      error: this.#errors.at(-1),
    };
  }

  metrics(): JobMetrics {
    const tasks = this.#snapshots();
    const { failed, ...counts } = tasks.map((task) => task.counts).reduce(sumOf, noCounts);
    const sum = (of: (task: TaskSnapshot) => number) =>
      tasks.reduce((total, task) => total + of(task), 0);
    return {
      ...counts,
      skippedRecords: recordsOf(failed, 'skipped'),
      deadLetters: recordsOf(failed, 'dead letter'),
      failedRecords: failed,
      restarts: sum(({ restarts }) => restarts),
      stateEntries: sum(({ stateEntries }) => stateEntries),
      unfoldedBytes: sum(({ unfoldedBytes }) => unfoldedBytes),
      stateFileBytes: sum(({ stateFileBytes }) => stateFileBytes),
      walBytes: sum(({ walBytes }) => walBytes),
    };
  }

  async stop(options: { readonly drain?: boolean } = {}): Promise<void> {
    const drain = options.drain ?? false;
    this.#stop = { drain };
    this.#status.tell();
    for (const task of this.#tasks.values()) task.stop({ drain }).catch(() => {});
    await this.done;
  }

  async #run(): Promise<void> {
    try {
      const job = await this.#prepare();
      const tasks = job?.all ?? [undefined];
      for (const task of tasks) this.#start(job, task);
      await Promise.all([...this.#tasks.values()].map(({ done }) => done));
      this.#end = 'stopped';
    } catch (error) {
      await this.#stopAll();
      if (this.#errors.at(-1) !== error) this.#keepError(error);
      this.#end = 'failed';
      throw error;
    } finally {
      this.#status.tell();
      this.#status.end();
      await this.#options.onEnd();
    }
  }

  /** Undefined where the whole job is one task. */
  async #prepare(): Promise<JobTasks | undefined> {
    const { graph, broker } = this.#options;
    const layout = await layoutFor(graph, broker);
    if (layout === undefined) return undefined;
    await prepareTopics(graph, broker);
    const job = tasksOf(graph, layout);
    await makeExchanges(job, broker);
    return job;
  }

  #start(job: JobTasks | undefined, task: TaskSpec | undefined): void {
    const { graph } = this.#options;
    const shared = job && task && { job, task };
    const runner = new TaskRunner({
      ...this.#options,
      graph: task?.stage.graph ?? graph,
      shared,
      onError: (error) => this.#keepError(error),
      onState: () => this.#status.tell(),
      onProgress: () => this.#status.tellSoon(),
    });
    this.#tasks.set(task?.name ?? graph.job, runner);
    if (this.#stop !== undefined) runner.stop(this.#stop).catch(() => {}); // told by `done`
  }

  async #stopAll(): Promise<void> {
    await Promise.allSettled([...this.#tasks.values()].map((task) => task.stop()));
  }

  #keepError(error: unknown): void {
    this.#errors.push(error instanceof Error ? error : new Error(messageOf(error)));
    if (this.#errors.length > errorsMax) this.#errors.shift();
  }

  #snapshots(): readonly TaskSnapshot[] {
    return [...this.#tasks.values()].map((task) => task.snapshot());
  }

  #stateOf(tasks: readonly TaskSnapshot[]): JobState {
    if (this.#end !== undefined) return this.#end;
    if (this.#stop !== undefined) return 'stopping';
    const states = tasks.map(({ state }) => state);
    const first = (['failed', 'restarting', 'starting'] as const).find((of) => states.includes(of));
    return first ?? (states.length === 0 ? 'starting' : 'running');
  }
}
