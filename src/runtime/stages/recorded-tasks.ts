/**
 * Which jobs a log has, and which tasks a job is, as the log says: for those who look at a job from
 * outside, and do not have its graph.
 */
import type { LogView } from '../../broker/index.ts';
import { sharedTaskName, taskNameOf } from './job-tasks.ts';
import { lastLayout, layoutTaskOf, layoutTopicOf, type RecordedLayout } from './layout.ts';

/** The part of a log that this reads. */
export type TaskLog = Pick<LogView, 'tasks' | 'boundsOf' | 'read'>;

/** The names of all jobs that have run, sorted. */
export function jobsIn(log: TaskLog): string[] {
  const suffix = taskNameOf('');
  const names = log.tasks.map(({ task }) => task);
  const shared = prefixes(names, layoutTaskOf('')).filter((job) => layoutIn(log, job));
  const alone = prefixes(names, suffix).filter((job) => !shared.some((of) => isTaskOf(of, job)));
  return [...new Set([...shared, ...alone])].sort();
}

/** The tasks that a job is in its newest layout. */
export function taskNamesIn(log: TaskLog, job: string): string[] {
  const layout = layoutIn(log, job);
  if (layout === undefined || !isSharedBy(layout)) return [taskNameOf(job)];
  const { generation, tasks } = layout;
  return tasks.flatMap((count, stage) =>
    Array.from({ length: count }, (_, index) => sharedTaskName(job, generation, stage, index)),
  );
}

function layoutIn(log: TaskLog, job: string): RecordedLayout | undefined {
  const topic = layoutTopicOf(job);
  return lastLayout(log.boundsOf(topic), (offset) => log.read(topic, offset, 1));
}

/** As `isShared` says of the plan of a job that asks for this. */
function isSharedBy({ asked }: RecordedLayout): boolean {
  return asked.length > 1 || (asked[0] ?? 1) > 1;
}

/** Others belong to users of the broker. */
function prefixes(names: readonly string[], suffix: string): string[] {
  return names.flatMap((name) => (name.endsWith(suffix) ? name.slice(0, -suffix.length) : []));
}

/** Whether a task that ends in `-0` is one of those that share a job: `<job>.2-1` of `<job>`. */
function isTaskOf(job: string, prefix: string): boolean {
  return prefix.startsWith(`${job}.`) && /^\d+-\d+$/.test(prefix.slice(job.length + 1));
}
