/**
 * Runs one task of a job: starts it, and starts it again after failures that can pass.
 *
 *   starting -> running -> stopping -> stopped
 *      ^           |
 *      +-- restarting (exponential back-off) ...      or failed: what a restart can't mend
 *
 * A failed task is dropped with all its memory; the next one recovers from the log.
 */
import { type Clock, pause } from '../platform/index.ts';
import { canPass, RestartPauses } from './restarts.ts';
import type { JobState, RebuildStatus } from './status.ts';
import { noCounts, sumOf, type TaskCounts } from './task-counts.ts';
import type { RunningTask, TaskHost, TaskSpec, TaskStatus } from './workers/task-host.ts';

export interface TaskRunnerOptions {
  readonly clock: Clock;
  /** Where it runs. */
  readonly host: TaskHost;
  readonly spec: TaskSpec;
  /** Told of failures, also of those that end it. */
  onError(error: unknown): void;
  /** Told of each change of its state. */
  onState(): void;
  /** Told each time that the task has been claimed. */
  onClaimed?(incarnation: number): void;
  /** Told that something has moved; perhaps very often. */
  onChange(): void;
  /** See `TaskEvents`. */
  onDrained(): void;
}

/** How a task is, now. */
export interface TaskSnapshot extends Omit<TaskStatus, 'counts'> {
  readonly state: JobState;
  readonly rebuild: RebuildStatus | undefined;
  /** Since the runner was made. */
  readonly counts: TaskCounts;
  readonly restarts: number;
}

export class TaskRunner {
  /** Resolves when the task has stopped; rejects with the failure that ended it. */
  readonly done: Promise<void>;
  readonly #options: TaskRunnerOptions;
  #state: JobState = 'starting';
  #task: RunningTask | undefined;
  #stop: { readonly drain: boolean } | undefined;
  #rebuild: RebuildStatus | undefined;
  /** How far a migration is. */
  #migration: string | undefined;
  /** Told of a stop that does not wait for the input to be read. */
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
    const { counts, ...status } = this.#task?.status ?? nothingYet;
    return {
      ...status,
      waitingFor: status.waitingFor ?? this.#migration,
      state: this.#state,
      rebuild: this.#rebuild,
      counts: sumOf(this.#before, counts),
      restarts: this.#restarts,
    };
  }

  async stop({ drain = false }: { readonly drain?: boolean } = {}): Promise<void> {
    this.#stop = { drain };
    if (this.#state !== 'failed' && this.#state !== 'stopped') this.#setState('stopping');
    this.#task?.stop({ drain });
    if (!drain) this.#ending.abort();
    await this.done;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    try {
      for (;;) {
        const pauseMs = await this.#runOnce();
        if (pauseMs === undefined) break;
        this.#setState('restarting');
        await pause(clock, pauseMs, this.#ending.signal);
        if (this.#stop?.drain === false) break;
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
    const { clock } = this.#options;
    const began = clock.monotonicMs();
    const task = this.#start();
    try {
      await task.done;
      return undefined;
    } catch (error) {
      this.#options.onError(error);
      this.#countBefore();
      if (!canPass(error)) throw error;
      return this.#pauses.after(clock.monotonicMs() - began);
    }
  }

  #start(): RunningTask {
    const { host, spec, onError, onChange, onDrained } = this.#options;
    const task = host.start(spec, {
      onStarted: (incarnation) => {
        this.#options.onClaimed?.(incarnation);
        this.#migration = undefined;
        if (this.#stop === undefined) this.#setState('running');
      },
      onError,
      onChange,
      onDrained,
      onRebuild: (status) => this.#noteRebuild(status),
      onMigration: (progress) => {
        this.#migration = progress;
        onChange();
      },
    });
    this.#task = task;
    if (this.#stop !== undefined) task.stop(this.#stop);
    return task;
  }

  /** A task that failed is gone; what it counted stays. */
  #countBefore(): void {
    this.#before = sumOf(this.#before, this.#task?.status?.counts ?? noCounts);
    this.#task = undefined;
    this.#migration = undefined;
  }

  #noteRebuild(status: RebuildStatus): void {
    const isNews = this.#rebuild?.done !== status.done;
    this.#rebuild = status;
    if (isNews) this.#options.onState();
    else this.#options.onChange();
  }

  #setState(state: JobState): void {
    this.#state = state;
    this.#options.onState();
  }
}

const nothingYet: TaskStatus = {
  waitingFor: undefined,
  watermark: undefined,
  partitions: [],
  counts: noCounts,
  stateEntries: 0,
  unfoldedBytes: 0,
  stateFileBytes: 0,
  walBytes: 0,
};
