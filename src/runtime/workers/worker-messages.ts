/** What a host of tasks and its worker thread tell each other. `id` names a start of a task. */
import type { CopiedError, MessagePort } from '../../platform/index.ts';
import type { RebuildStatus } from '../status.ts';
import type { TaskSpec, TaskStatus } from './task-host.ts';

/** What a worker thread is started with. */
export interface TaskWorkerData {
  /** Of the module that exports the job. */
  readonly url: string;
  readonly job: string;
  /** That the main thread has open. */
  readonly directory: string;
  /** To the main thread's broker. */
  readonly log: MessagePort;
}

export type TaskOrder =
  | { readonly kind: 'start'; readonly id: number; readonly spec: TaskSpec }
  | { readonly kind: 'stop'; readonly id: number; readonly drain: boolean }
  /** All tasks have ended: close what is open, and end. */
  | { readonly kind: 'close' };

export type TaskReport = { readonly id: number } & (
  | { readonly kind: 'started'; readonly incarnation: number }
  | { readonly kind: 'progress'; readonly status: TaskStatus }
  | { readonly kind: 'error'; readonly error: CopiedError }
  | { readonly kind: 'rebuild'; readonly status: RebuildStatus }
  | { readonly kind: 'migration'; readonly progress: string }
  | { readonly kind: 'drained' }
  | { readonly kind: 'failed'; readonly error: CopiedError }
  | { readonly kind: 'stopped' }
);
