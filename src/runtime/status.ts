/** What a running job tells about itself. */
import type { ErrorCode } from '../platform/index.ts';

export type JobState = 'starting' | 'running' | 'restarting' | 'stopping' | 'stopped' | 'failed';

export interface PartitionStatus {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to read, as committed or about to be. */
  readonly position: number;
  readonly end: number;
  /** Records not read yet. */
  readonly lag: number;
}

/** Who runs a task of a job. */
export interface JobTaskStatus {
  readonly task: string;
  /** From 0: the stage that reads the job's topics. */
  readonly stage: number;
  /** As far as this process runs it; else whether another one does, or nobody. */
  readonly state: JobState | 'elsewhere' | 'free';
  /** The worker thread of this process that runs it, from 0; undefined: none. */
  readonly thread: number | undefined;
  /** Undefined while nobody holds it. */
  readonly process: { readonly pid: number; readonly host: string } | undefined;
}

/** How a rebuild of the job's state goes. */
export interface RebuildStatus {
  /** Why the state file was refused. */
  readonly because: string;
  /** Commits that were repeated so far, of how many; 0 of 0 before they have been counted. */
  readonly commits: number;
  readonly total: number;
  /** Whether the new state file is in its place. */
  readonly done: boolean;
  /** Where the refused file is kept then; undefined where there was none. */
  readonly replaced: string | undefined;
}

export interface JobStatus {
  readonly job: string;
  readonly state: JobState;
  /**
   * Why nothing moves although there is input, such as a migration of state, with how far it is; or
   * why state can't be folded into its file, which ends in that; undefined while all is well.
   */
  readonly waitingFor: string | undefined;
  /** The last rebuild of state; undefined where there was none. */
  readonly rebuild: RebuildStatus | undefined;
  /** ms since the epoch; undefined before the first record. */
  readonly watermark: number | undefined;
  /** That tasks in this process read, those between tasks of the job included. */
  readonly partitions: readonly PartitionStatus[];
  /** All tasks of the job, wherever they run. */
  readonly tasks: readonly JobTaskStatus[];
  readonly metrics: JobMetrics;
  /** The failure that ended or restarted the job last. */
  readonly error: Error | undefined;
}

/** Records that failed in one way, and without which the job went on: docs/failing-records.md. */
export interface FailedRecords {
  /** As errors name it; `from-<topic>` where records can't be decoded. */
  readonly step: string;
  readonly code: ErrorCode;
  readonly outcome: 'skipped' | 'dead letter';
  readonly records: number;
}

/** Counters since the handle was made, unless said otherwise. */
export interface JobMetrics {
  readonly recordsRead: number;
  readonly recordsWritten: number;
  readonly lateRecords: number;
  /** Records that failed and were left out. */
  readonly skippedRecords: number;
  /** Records that failed and were sent to a topic of dead letters. */
  readonly deadLetters: number;
  /** The two by step and code. */
  readonly failedRecords: readonly FailedRecords[];
  readonly commits: number;
  readonly restarts: number;
  /** Entries of state now: values, windows and timers. */
  readonly stateEntries: number;
  /** Changelog that is not folded into the state file yet, in bytes. */
  readonly unfoldedBytes: number;
  /** The state file, as of the last fold, in bytes; 0 where there is none. */
  readonly stateFileBytes: number;
  /** Its write-ahead log, which a reader's transaction makes grow; see `walBytesMax`. */
  readonly walBytes: number;
}
