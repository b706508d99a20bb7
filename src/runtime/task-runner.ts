/**
 * Runs one task of a job: opens it, and opens it again after failures that can pass.
 *
 *   starting -> running -> stopping -> stopped
 *      ^           |
 *      +-- restarting (exponential back-off) ...      or failed: what a restart can't mend
 *
 * A failed task is dropped with all its memory; the next one recovers from the log.
 */
import { pause } from '../platform/index.ts';
import { canPass, RestartPauses } from './restarts.ts';
import type { JobState, PartitionStatus, RebuildStatus } from './status.ts';
import { countsOf, noCounts, sumOf, type TaskCounts } from './task-counts.ts';
import { TaskLoop, type TaskLoopOptions } from './task-loop.ts';

export interface TaskRunnerOptions
  extends Omit<TaskLoopOptions, 'signal' | 'onError' | 'onProgress' | 'onRebuild' | 'onMigration'> {
  onError(error: unknown): void;
  /** Told of each change of its state. */
  onState(): void;
  /** Told that something has moved; perhaps very often. */
  onProgress(): void;
}

/** How a task is, now. */
export interface TaskSnapshot {
  readonly state: JobState;
  readonly waitingFor: string | undefined;
  readonly rebuild: RebuildStatus | undefined;
  /** -Infinity before the first record. */
  readonly watermark: number;
  readonly partitions: readonly PartitionStatus[];
  readonly counts: TaskCounts;
  readonly restarts: number;
  readonly stateEntries: number;
  readonly unfoldedBytes: number;
  readonly stateFileBytes: number;
  readonly walBytes: number;
}

export class TaskRunner {
  /** Resolves when the task has stopped; rejects with the failure that ended it. */
  readonly done: Promise<void>;
  readonly #options: TaskRunnerOptions;
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

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
    this.done = this.#run();
    this.done.catch(() => {}); // also told by the snapshot; nobody has to await it
  }

  snapshot(): TaskSnapshot {
    const loop = this.#loop;
    return {
      state: this.#state,
      waitingFor: loop?.waitingFor ?? this.#migration,
      rebuild: this.#rebuild,
      watermark: loop?.task.parts.time.watermark ?? Number.NEGATIVE_INFINITY,
      partitions: this.#partitions(),
      counts: sumOf(this.#before, countsOf(loop)),
      restarts: this.#restarts,
      stateEntries: loop?.task.parts.state.size ?? 0,
      unfoldedBytes: loop?.unfoldedBytes ?? 0,
      ...(loop?.stateFileSizes ?? noFile),
    };
  }

  async stop({ drain = false }: { readonly drain?: boolean } = {}): Promise<void> {
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
      this.#options.onError(error);
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
        onRebuild: (status) => this.#noteRebuild(status),
        onMigration: (progress) => {
          this.#migration = progress;
          this.#options.onProgress();
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

  #noteRebuild(status: RebuildStatus): void {
    const isNews = this.#rebuild?.done !== status.done;
    this.#rebuild = status;
    if (isNews) this.#options.onState();
    else this.#options.onProgress();
  }

  #setState(state: JobState): void {
    this.#state = state;
    this.#options.onState();
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
