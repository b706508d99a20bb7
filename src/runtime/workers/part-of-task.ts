/** Which part of a job a task runs: the one place that knows how a job is made of tasks. */
import { MillraceError } from '../../platform/index.ts';
import type { Graph } from '../graph.ts';
import type { OpenTaskOptions } from '../open-task.ts';
import { type Layout, taskNameOf, tasksOf } from '../stages/job-tasks.ts';

/**
 * `layout` is undefined where the whole job is one task. Fails with `INVALID` where the job has no
 * such task.
 */
export function partOfTask(
  graph: Graph,
  task: string,
  layout: Layout | undefined,
): Pick<OpenTaskOptions, 'graph' | 'shared'> {
  if (layout === undefined) {
    if (task === taskNameOf(graph.job)) return { graph };
    throw noSuchTask(graph.job, task, [taskNameOf(graph.job)]);
  }
  const job = tasksOf(graph, layout);
  const shared = job.all.find(({ name }) => name === task);
  if (shared !== undefined) return { graph: shared.stage.graph, shared: { job, task: shared } };
  throw noSuchTask(
    graph.job,
    task,
    job.all.map(({ name }) => name),
  );
}

function noSuchTask(job: string, task: string, tasks: readonly string[]): MillraceError {
  return new MillraceError(
    'INVALID',
    `Job "${job}" has no task "${task}"; it has ${tasks.map((of) => `"${of}"`).join(', ')}.`,
  );
}
