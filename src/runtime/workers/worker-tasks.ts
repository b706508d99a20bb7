/**
 * Tasks in a worker thread, which is started with the first of them. When it dies its tasks fail,
 * with an error after which they may be started again, and the next start begins another thread;
 * the main thread and other workers go on.
 */
import { closedHost } from './local-tasks.ts';
import type { RunningTask, TaskEvents, TaskHost, TaskSpec } from './task-host.ts';
import { TaskThread, type TaskThreadOptions } from './task-thread.ts';

export class WorkerTasks implements TaskHost {
  readonly #options: TaskThreadOptions;
  #thread: TaskThread | undefined;
  #isClosed = false;

  constructor(options: TaskThreadOptions) {
    this.#options = options;
  }

  start(spec: TaskSpec, events: TaskEvents = {}): RunningTask {
    if (this.#isClosed) throw closedHost(spec.task);
    if (this.#thread === undefined || this.#thread.isOver) {
      this.#thread = new TaskThread(this.#options);
    }
    return this.#thread.start(spec, events);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#thread?.close();
  }

  /** Ends the thread at once; its tasks fail as where it dies. */
  async terminate(): Promise<void> {
    await this.#thread?.terminate();
  }
}
