/** One worker thread that runs tasks, from its start to its end. */
import { type Broker, type ServedThread, serveThread } from '../../broker/index.ts';
import {
  errorFrom,
  MillraceError,
  openChannel,
  startThread,
  type Thread,
  unreachable,
} from '../../platform/index.ts';
import type { RunningTask, TaskEvents, TaskSpec, TaskStatus } from './task-host.ts';
import type { TaskOrder, TaskReport, TaskWorkerData } from './worker-messages.ts';

export interface TaskThreadOptions {
  /** Of the module that exports the job, as `jobOfModule` takes it. */
  readonly url: string;
  readonly job: string;
  readonly directory: string;
  /** That has the directory open. */
  readonly broker: Broker;
}

export class TaskThread {
  /** Resolves when the thread is gone and holds no task any more. */
  readonly ended: Promise<void>;
  readonly #thread: Thread;
  readonly #served: ServedThread;
  readonly #tasks = new Map<number, RemoteTask>();
  #nextId = 1;
  #isOver = false;

  constructor({ url, job, directory, broker }: TaskThreadOptions) {
    const { port, other } = openChannel();
    const data = { url, job, directory, log: other } satisfies TaskWorkerData;
    this.#served = serveThread(broker, port);
    let end: (why: string | undefined) => void = () => {};
    const exited = new Promise<string | undefined>((resolve) => {
      end = resolve;
    });
    this.#thread = startThread({
      url: workerUrl(),
      ...{ data, transfer: [other], name: `millrace ${job}` },
      onMessage: (message) => this.#receive(message as TaskReport), // as task-worker.ts sends it
      onEnd: end,
    });
    this.ended = exited.then((why) => this.#end(why));
  }

  /** Whether nothing can be started in it any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  start(spec: TaskSpec, events: TaskEvents): RunningTask {
    const id = this.#nextId++;
    const task = new RemoteTask(spec.task, events, (drain) =>
      this.#order({ kind: 'stop', id, drain }),
    );
    this.#tasks.set(id, task);
    this.#order({ kind: 'start', id, spec });
    return task;
  }

  /** Stops its tasks, and ends it once they have stopped. */
  async close(): Promise<void> {
    const tasks = [...this.#tasks.values()];
    for (const task of tasks) task.stop();
    await Promise.allSettled(tasks.map(({ done }) => done));
    this.#isOver = true;
    this.#order({ kind: 'close' });
    await this.ended;
  }

  /** Ends it at once: its tasks fail. */
  async terminate(): Promise<void> {
    this.#isOver = true;
    await this.#thread.terminate();
    await this.ended;
  }

  #order(order: TaskOrder): void {
    this.#thread.post(order);
  }

  #receive(report: TaskReport): void {
    const task = this.#tasks.get(report.id);
    if (report.kind === 'stopped' || report.kind === 'failed') this.#tasks.delete(report.id);
    task?.hear(report);
  }

  /** The tasks fail only when whoever starts them again can claim them. */
  async #end(why: string | undefined): Promise<void> {
    this.#isOver = true;
    await this.#served.close();
    const tasks = [...this.#tasks.values()];
    this.#tasks.clear();
    for (const task of tasks) task.fail(threadEnded(task.task, why ?? 'it ended itself'));
  }
}

/** A task in another thread, as far as that has told. */
class RemoteTask implements RunningTask {
  readonly task: string;
  readonly done: Promise<void>;
  readonly #events: TaskEvents;
  readonly #onStop: (drain: boolean) => void;
  #status: TaskStatus | undefined;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(task: string, events: TaskEvents, onStop: (drain: boolean) => void) {
    this.task = task;
    this.#events = events;
    this.#onStop = onStop;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => {}); // whoever awaits it is told
  }

  get status(): TaskStatus | undefined {
    return this.#status;
  }

  stop({ drain = false }: { readonly drain?: boolean } = {}): void {
    this.#onStop(drain);
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  hear(report: TaskReport): void {
    const events = this.#events;
    switch (report.kind) {
      case 'started':
        events.onStarted?.(report.incarnation);
        break;
      case 'progress':
        this.#status = report.status;
        events.onChange?.();
        events.onProgress?.(report.status);
        break;
      case 'error':
        events.onError?.(errorFrom(report.error));
        break;
      case 'rebuild':
        events.onRebuild?.(report.status);
        break;
      case 'migration':
        events.onMigration?.(report.progress);
        break;
      case 'drained':
        events.onDrained?.();
        break;
      case 'failed':
        this.#reject(errorFrom(report.error));
        break;
      case 'stopped':
        this.#resolve();
        break;
      default:
        unreachable(report);
    }
  }
}

function threadEnded(task: string, why: string): MillraceError {
  return new MillraceError(
    'IO',
    `The worker thread of task "${task}" is gone: ${why}. Nothing that was committed is lost; ` +
      'the task goes on from there when it is started again.',
    { retryable: true },
  );
}

/** Beside this module, as source or compiled. */
function workerUrl(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./task-worker.${extension}`, import.meta.url);
}
