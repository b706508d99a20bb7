/**
 * Runs a job: opens its task, restarts it after failures that can pass, and answers questions about
 * it.
 *
 *   starting -> running -> stopping -> stopped
 *      ^           |
 *      +-- restarting (exponential back-off) ...      or failed: what a restart can't mend
 *
 * A failed task is dropped with all its memory; the next one recovers from the log.
 */
import type { Observable } from 'rxjs';
import type { Broker } from '../broker/index.ts';
import { messageOf, type Platform, pause } from '../platform/index.ts';
import type { Graph } from './graph.ts';
import { canPass, RestartPauses } from './restarts.ts';
import type { JobMetrics, JobState, JobStatus, PartitionStatus, RebuildStatus } from './status.ts';
import { StatusFeed } from './status-feed.ts';
import { countsOf, noCounts, recordsOf, sumOf, type TaskCounts } from './task-counts.ts';
import { TaskLoop, type TaskLoopOptions } from './task-loop.ts';

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
  extends Omit<TaskLoopOptions, 'signal' | 'onError' | 'onProgress' | 'onRebuild' | 'onMigration'> {
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
  #state: JobState = 'starting';
  #loop: TaskLoop | undefined;
  #stop: { readonly drain: boolean } | undefined;
  /** Told to end what goes before the run: a drain does not. */
  readonly #stopped = new AbortController();
  #rebuild: RebuildStatus | undefined;
  /** How far a migration is. */
  #migration: string | undefined;
  /** Told of every stop. */
  readonly #ending = new AbortController();
  readonly #pauses = new RestartPauses();
  #restarts = 0;
  #before: TaskCounts = noCounts;

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
    const watermark = this.#loop?.task.parts.time.watermark ?? Number.NEGATIVE_INFINITY;
    return {
      job: this.job,
      state: this.#state,
      waitingFor: this.#loop?.waitingFor ?? this.#migration,
      rebuild: this.#rebuild,
      watermark: watermark === Number.NEGATIVE_INFINITY ? undefined : watermark,
      partitions: this.#partitions(),
      metrics: this.metrics(),
      error: this.#errors.at(-1),
    };
  }

  metrics(): JobMetrics {
    const { failed, ...counts } = sumOf(this.#before, countsOf(this.#loop));
    return {
      ...counts,
      skippedRecords: recordsOf(failed, 'skipped'),
      deadLetters: recordsOf(failed, 'dead letter'),
      failedRecords: failed,
      restarts: this.#restarts,
      stateEntries: this.#loop?.task.parts.state.size ?? 0,
      unfoldedBytes: this.#loop?.unfoldedBytes ?? 0,
      ...(this.#loop?.stateFileSizes ?? noFile),
    };
  }

  async stop(options: { readonly drain?: boolean } = {}): Promise<void> {
    const drain = options.drain ?? false;
    this.#stop = { drain };
    if (this.#state !== 'failed' && this.#state !== 'stopped') this.#setState('stopping');
    this.#loop?.stop(drain);
    if (!drain) this.#stopped.abort();
    this.#ending.abort();
    await this.done;
  }

  async #run(): Promise<void> {
    try {
      for (;;) {
        const pauseMs = await this.#runOnce();
        if (pauseMs === undefined) break;
        this.#setState('restarting');
        await pause(this.#options.platform.clock, pauseMs, this.#ending.signal);
        if (this.#stop !== undefined) break;
        this.#restarts++;
        this.#setState('starting');
      }
      this.#setState('stopped');
    } catch (error) {
      this.#setState('failed');
      throw error;
    } finally {
      this.#status.tell();
      this.#status.end();
      await this.#options.onEnd();
    }
  }

  /** Undefined when the task was stopped; else when to begin again, in ms. */
  async #runOnce(): Promise<number | undefined> {
    const { clock } = this.#options.platform;
    const began = clock.monotonicMs();
    try {
      const loop = await this.#open();
      if (loop === undefined) return undefined;
      this.#loop = loop;
      if (this.#stop !== undefined) loop.stop(this.#stop.drain);
      else this.#setState('running');
      await loop.run();
      return undefined;
    } catch (error) {
      this.#keepError(error);
      this.#countBefore();
      if (!canPass(error)) throw error;
      return this.#pauses.after(clock.monotonicMs() - began);
    }
  }

  async #open(): Promise<TaskLoop | undefined> {
    try {
      return await TaskLoop.open({
        ...this.#options,
        signal: this.#stopped.signal,
        onError: (error) => this.#keepError(error),
        onProgress: () => this.#status.tellSoon(),
        onRebuild: (status) => this.#noteRebuild(status),
        onMigration: (progress) => {
          this.#migration = progress;
          this.#status.tellSoon();
        },
      });
    } finally {
      this.#migration = undefined;
    }
  }

  /** A task that failed is gone; what it counted stays. */
  #countBefore(): void {
    this.#before = sumOf(this.#before, countsOf(this.#loop));
    this.#loop = undefined;
  }

  #keepError(error: unknown): void {
    this.#errors.push(error instanceof Error ? error : new Error(messageOf(error)));
    if (this.#errors.length > errorsMax) this.#errors.shift();
  }

  #noteRebuild(status: RebuildStatus): void {
    const isNews = this.#rebuild?.done !== status.done;
    this.#rebuild = status;
    if (isNews) this.#status.tell();
    else this.#status.tellSoon();
  }

  #setState(state: JobState): void {
    this.#state = state;
    this.#status?.tell();
  }

  #partitions(): PartitionStatus[] {
    const { broker } = this.#options;
    return (this.#loop?.task.parts.inputs ?? []).map(({ topic, partition, position }) => {
      const end = broker.describeTopic(topic)?.partitions[partition]?.end ?? position;
      return { topic, partition, position, end, lag: end - position };
    });
  }
}

const noFile = { stateFileBytes: 0, walBytes: 0 } as const;
