/** Tasks in the thread that asks for them. */
import type { Broker } from '../../broker/index.ts';
import { MillraceError, type Platform } from '../../platform/index.ts';
import type { Graph } from '../graph.ts';
import { StatusFeed } from '../status-feed.ts';
import { TaskLoop } from '../task-loop.ts';
import { partOfTask } from './part-of-task.ts';
import type { RunningTask, TaskEvents, TaskHost, TaskSpec, TaskStatus } from './task-host.ts';
import { taskStatusOf } from './task-status.ts';

export interface LocalTasksOptions {
  /** Of the job. */
  readonly graph: Graph;
  readonly broker: Broker;
  readonly platform: Platform;
  /** The data directory; undefined where the log is in memory. */
  readonly directory: string | undefined;
}

export class LocalTasks implements TaskHost {
  readonly #options: LocalTasksOptions;
  readonly #running = new Set<RunningTask>();
  #isClosed = false;

  constructor(options: LocalTasksOptions) {
    this.#options = options;
  }

  start(spec: TaskSpec, events: TaskEvents = {}): RunningTask {
    if (this.#isClosed) throw closedHost(spec.task);
    const running = new LocalTask(this.#options, spec, events);
    this.#running.add(running);
    const forget = () => this.#running.delete(running);
    running.done.then(forget, forget);
    return running;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const running of this.#running) running.stop();
    await Promise.allSettled([...this.#running].map(({ done }) => done));
  }
}

export function closedHost(task: string): MillraceError {
  return new MillraceError('CLOSED', `Task "${task}" was started after its host was closed.`);
}

class LocalTask implements RunningTask {
  readonly task: string;
  readonly done: Promise<void>;
  readonly #options: LocalTasksOptions;
  readonly #spec: TaskSpec;
  readonly #events: TaskEvents;
  readonly #feed: StatusFeed<TaskStatus | undefined>;
  /** Ends what goes before the run. */
  readonly #ended = new AbortController();
  #loop: TaskLoop | undefined;
  #stop: { readonly drain: boolean } | undefined;

  constructor(options: LocalTasksOptions, spec: TaskSpec, events: TaskEvents) {
    this.task = spec.task;
    this.#options = options;
    this.#spec = spec;
    this.#events = events;
    this.#feed = new StatusFeed(options.platform.clock, () => this.status);
    const { onProgress } = events;
    if (onProgress !== undefined) {
      this.#feed.status$.subscribe((status) => {
        if (status !== undefined) onProgress(status);
      });
    }
    this.done = this.#run();
    this.done.catch(() => {}); // whoever awaits it is told
  }

  get status(): TaskStatus | undefined {
    return this.#loop === undefined ? undefined : taskStatusOf(this.#loop, this.#options.broker);
  }

  stop({ drain = false }: { readonly drain?: boolean } = {}): void {
    this.#stop = { drain };
    if (!drain) this.#ended.abort();
    this.#loop?.stop(drain);
  }

  async #run(): Promise<void> {
    try {
      const loop = await this.#open();
      if (loop === undefined) return;
      this.#loop = loop;
      if (this.#stop === undefined) this.#events.onStarted?.(loop.task.parts.incarnation);
      else loop.stop(this.#stop.drain);
      await loop.run();
    } finally {
      this.#feed.tell();
      this.#feed.end();
    }
  }

  async #open(): Promise<TaskLoop | undefined> {
    const { graph, broker, platform, directory } = this.#options;
    const events = this.#events;
    return TaskLoop.open({
      ...this.#spec.settings,
      ...partOfTask(graph, this.task, this.#spec.layout),
      ...{ broker, platform, directory },
      signal: this.#ended.signal,
      onError: (error) => events.onError?.(error),
      onProgress: () => {
        events.onChange?.();
        this.#feed.tellSoon();
      },
      onRebuild: (status) => events.onRebuild?.(status),
      onMigration: (progress) => events.onMigration?.(progress),
      onDrained: () => events.onDrained?.(),
    });
  }
}
