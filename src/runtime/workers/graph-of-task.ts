/** Which part of a job a task runs: the one place that knows how a job is made of tasks. */
import { MillraceError } from '../../platform/index.ts';
import type { Graph } from '../graph.ts';
import { taskNameOf } from '../stages/job-tasks.ts';

/** Fails with `INVALID` where the job has no such task. */
export function graphOfTask(graph: Graph, task: string): Graph {
  if (task === taskNameOf(graph.job)) return graph;
  throw new MillraceError(
    'INVALID',
    `Job "${graph.job}" has no task "${task}"; it has one, "${taskNameOf(graph.job)}".`,
  );
}
