/**
 * Where tasks run: in the thread that asks for them (`LocalTasks`), or in a worker thread
 * (`WorkerTasks`). One contract suite holds for both (test/contracts/task-host.ts).
 *
 * A host runs a task once. Whether it begins again after a failure is decided by who started it.
 */
import type { OpenTaskOptions } from '../open-task.ts';
import type { Layout } from '../stages/job-tasks.ts';
import type { PartitionStatus, RebuildStatus } from '../status.ts';
import type { TaskCounts } from '../task-counts.ts';

/** How a task runs; all of it can be copied to another thread. */
export type TaskSettings = Pick<
  OpenTaskOptions,
  | 'durable'
  | 'takeOver'
  | 'stateMemoryMax'
  | 'foldIntervalMs'
  | 'foldCpuShare'
  | 'unfoldedBytesMax'
  | 'walBytesMax'
  | 'budget'
  | 'rebuildState'
  | 'run'
>;

export interface TaskSpec {
  /** The name that it is claimed under. */
  readonly task: string;
  /** Of the job; undefined where that is one task. */
  readonly layout?: Layout | undefined;
  readonly settings: TaskSettings;
}

/** What a task tells about itself, as plain data. */
export interface TaskStatus {
  /** As in `JobStatus`. */
  readonly waitingFor: string | undefined;
  /** ms since the epoch; undefined before the first record. */
  readonly watermark: number | undefined;
  readonly partitions: readonly PartitionStatus[];
  /** Since it was started. */
  readonly counts: TaskCounts;
  readonly stateEntries: number;
  readonly unfoldedBytes: number;
  readonly stateFileBytes: number;
  readonly walBytes: number;
}

/** Who wants to hear of a task; nothing is told after `done`. */
export interface TaskEvents {
  /** It is claimed, as this incarnation, and recovered; and reads. */
  onStarted?(incarnation: number): void;
  /** After each change; perhaps very often. */
  onChange?(): void;
  /** After changes: at most ten a second, and once in the end. */
  onProgress?(status: TaskStatus): void;
  /** A failure that does not end it. */
  onError?(error: unknown): void;
  onRebuild?(status: RebuildStatus): void;
  /** How far a migration of state is. */
  onMigration?(progress: string): void;
  /** A task of a shared job has nothing left to do in a drain. */
  onDrained?(): void;
}

export interface RunningTask {
  readonly task: string;
  /** The last one that was told; undefined before it has started. */
  readonly status: TaskStatus | undefined;
  /** Resolves when it has stopped and is released; rejects with what ended it. */
  readonly done: Promise<void>;
  /**
   * Ends it with a last commit; with `drain` after all input is read and all that waits for event
   * time has fired. `done` tells when. A drained task of a shared job is held until it is stopped
   * without `drain`: while others are drained, nobody is to go on with it.
   */
  stop(options?: { readonly drain?: boolean }): void;
}

export interface TaskHost {
  /** Starts a task of the host's job. What keeps it from running is told by `done`. */
  start(spec: TaskSpec, events?: TaskEvents): RunningTask;
  /** Stops what runs and waits for it. */
  close(): Promise<void>;
}
