/**
 * Which jobs a log has, and which tasks a job is, as the log says: for those who look at a job from
 * outside, and do not have its graph.
 */
import type { LogView } from '../../broker/index.ts';
import { jobOfTask, stageTaskOf } from '../members/names.ts';
import { taskNameOf } from './job-tasks.ts';
import { lastLayout, layoutTopicOf, type RecordedLayout } from './layout.ts';

/** The part of a log that this reads. */
export type TaskLog = Pick<LogView, 'tasks' | 'boundsOf' | 'read'>;

/** The names of all jobs that have run, sorted. */
export function jobsIn({ tasks }: TaskLog): string[] {
  return [...new Set(tasks.flatMap(({ task }) => jobOfTask(task) ?? []))].sort();
}

/** The tasks that a job is in its newest layout. */
export function taskNamesIn(log: TaskLog, job: string): string[] {
  const topic = layoutTopicOf(job);
  const layout = lastLayout(log.boundsOf(topic), (offset) => log.read(topic, offset, 1));
  if (layout === undefined || !isSharedBy(layout)) return [taskNameOf(job)];
  const { generation, tasks } = layout;
  return tasks.flatMap((count, stage) =>
    Array.from({ length: count }, (_, index) => stageTaskOf({ job, generation, stage, index })),
  );
}

/** As `isShared` says of the plan of a job that asks for this. */
function isSharedBy({ asked }: RecordedLayout): boolean {
  return asked.length > 1 || (asked[0] ?? 1) > 1;
}
