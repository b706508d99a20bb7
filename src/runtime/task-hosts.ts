/** Where the tasks of a job run in this process: in the thread that calls, or in worker threads. */
import type { Broker } from '../broker/index.ts';
import type { Platform } from '../platform/index.ts';
import type { Graph } from './graph.ts';
import { LocalTasks } from './workers/local-tasks.ts';
import type { TaskHost } from './workers/task-host.ts';
import { WorkerTasks } from './workers/worker-tasks.ts';

/** Threads that run tasks. */
export interface Workers {
  readonly count: number;
  /** Url of the module that exports the job. */
  readonly module: string;
}

export interface TaskHostsOptions {
  readonly graph: Graph;
  readonly broker: Broker;
  readonly platform: Platform;
  readonly directory: string | undefined;
  /** Undefined: all tasks run in the thread that calls. */
  readonly workers: Workers | undefined;
}

/** A host, and the stages of the tasks that it has. */
export interface HostPlace {
  readonly host: TaskHost;
  /** Of the worker thread, from 0; undefined: the thread that calls. */
  readonly thread: number | undefined;
  readonly stages: number[];
}

export class TaskHosts {
  readonly #places: readonly HostPlace[];

  constructor(options: TaskHostsOptions) {
    const { graph, broker, directory, workers } = options;
    if (workers === undefined || directory === undefined) {
      this.#places = [{ host: new LocalTasks(options), thread: undefined, stages: [] }];
      return;
    }
    this.#places = Array.from({ length: workers.count }, (_, thread) => {
      const host = new WorkerTasks({ url: workers.module, job: graph.job, directory, broker });
      return { host, thread, stages: [] };
    });
  }

  /** A place for a task of a stage, where there are fewest of it; given back with `leave`. */
  take(stage: number): HostPlace {
    const [first, ...others] = this.#places as readonly [HostPlace, ...HostPlace[]];
    let best = first;
    for (const place of others) if (load(place, stage) < load(best, stage)) best = place;
    best.stages.push(stage);
    return best;
  }

  leave({ stages }: HostPlace, stage: number): void {
    stages.splice(stages.indexOf(stage), 1);
  }

  async close(): Promise<void> {
    await Promise.all(this.#places.map(({ host }) => host.close()));
  }
}

/** Tasks of the stage count first. */
function load({ stages }: HostPlace, stage: number): number {
  return stages.filter((of) => of === stage).length * 1000 + stages.length;
}
