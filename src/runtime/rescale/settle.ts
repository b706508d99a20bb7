/**
 * Settling: what is on its way between the tasks of a stopped job is brought to where it goes, so
 * that all state is in the tasks. Stage by stage, each until it has nothing left to do:
 *
 *   stage 0     reads on to the last place to which one of its tasks had come: then all tasks have
 *               read what a single one would have at that place
 *   stage 1..   reads all that was sent to it, and fires what that makes due
 *
 * The job does nothing else there than what it does when it runs. So it can be interrupted at any
 * point, and go on as it is.
 */
import type { Broker } from '../../broker/index.ts';
import type { Platform } from '../../platform/index.ts';
import { asksOutside, type Graph } from '../graph.ts';
import { prepareTopics } from '../open-task.ts';
import { makeExchanges } from '../stages/job-tasks.ts';
import { firstPlace, lastPlace } from '../stages/place.ts';
import { type Bound, noBound } from '../stages/senders.ts';
import { TaskLoop } from '../task-loop.ts';
import type { TaskSettings } from '../workers/task-host.ts';
import type { FormerLayout } from './layouts.ts';
import { type FormerTime, lastPlaceOf } from './moved-time.ts';

export interface SettleOptions {
  readonly graph: Graph;
  readonly broker: Broker;
  readonly platform: Platform;
  readonly directory: string;
  readonly settings: TaskSettings;
  onProgress(progress: string): void;
}

/** `times`: of the tasks that have any. Fails as the tasks do. */
export async function settle(
  options: SettleOptions,
  { tasks, parts, job, layout }: FormerLayout,
  times: readonly FormerTime[],
): Promise<void> {
  if (job !== undefined) {
    await prepareTopics(options.graph, options.broker);
    await makeExchanges(job, options.broker);
  }
  const last = lastPlaceOf(times); // of any task, however many records it has there
  for (const stage of layout.tasks.keys()) {
    options.onProgress(`settling what is on its way: stage ${stage}`);
    const own = tasks.filter((task) => task.stage === stage);
    const settling =
      stage > 0
        ? noBound
        : job === undefined
          ? nothing
          : { ...lastPlace, order: last.order, rank: last.rank, atTies: true };
    await Promise.all(
      own.flatMap(({ name }) => {
        const part = parts?.get(name);
        return part === undefined ? [] : [settleTask(options, part, settling)];
      }),
    );
  }
}

/** Whether a job that is one task can have anything on its way: calls that are not answered. */
export function needsSettling({ job }: FormerLayout, graph: Graph): boolean {
  return job !== undefined || asksOutside(graph);
}

const nothing: Bound = { ...firstPlace, atTies: false };

type Part = NonNullable<FormerLayout['parts']> extends ReadonlyMap<string, infer Of> ? Of : never;

async function settleTask(options: SettleOptions, part: Part, settling: Bound): Promise<void> {
  const { broker, platform, directory, settings } = options;
  const loop = await TaskLoop.open({
    ...settings,
    ...part,
    ...{ broker, platform, directory, settling },
    signal: new AbortController().signal,
    onError: () => {}, // told by `run` where it matters
    onProgress: () => {},
    onRebuild: () => {},
    onMigration: (progress) => options.onProgress(progress),
  });
  loop?.settle();
  await loop?.run();
}
