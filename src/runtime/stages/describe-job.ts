/** Prints how a job is shared by tasks: the stages, and the topics between them. */
import { describeGraph } from '../compiler/describe.ts';
import type { Graph } from '../graph.ts';
import { isShared } from './job-tasks.ts';
import { planStages } from './plan.ts';

/**
 * The steps of a job as text, a line each; of a job that several tasks share, those of each stage,
 * and behind them the job as it was written. Fails with `INVALID` where it can't be shared.
 */
export function describeJob(graph: Graph): string {
  const whole = describeGraph(graph);
  const plan = planStages(graph, 1);
  if (!isShared(plan)) return whole;
  const stages = plan.stages.map(({ index, parallelism, graph: { job, nodes } }) => {
    const [, ...lines] = describeGraph({ job, nodes }).trimEnd().split('\n');
    const most = index === 0 ? 'at most one for each partition that is read' : 'by key';
    const tasks = parallelism === 1 ? '1 task' : `${parallelism} tasks, ${most}`;
    return [`  stage ${index}: ${tasks}`, ...lines.map((line) => `  ${line}`)].join('\n');
  });
  return `${whole}shared by tasks\n${stages.join('\n')}\n`;
}
