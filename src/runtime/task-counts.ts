/** What a task has counted, summed up over its runs. */
import type { FailedRecords, JobMetrics } from './status.ts';
import type { Task } from './task.ts';
import type { TaskLoop } from './task-loop.ts';

export interface TaskCounts
  extends Pick<JobMetrics, 'recordsRead' | 'recordsWritten' | 'lateRecords' | 'commits'> {
  readonly failed: readonly FailedRecords[];
}

export const noCounts: TaskCounts = {
  recordsRead: 0,
  recordsWritten: 0,
  lateRecords: 0,
  commits: 0,
  failed: [],
};

export function countsOf(loop: TaskLoop | undefined): TaskCounts {
  return loop === undefined ? noCounts : countsOfTask(loop.task, loop.commits);
}

export function countsOfTask(task: Task, commits: number): TaskCounts {
  const { context } = task.parts;
  return {
    recordsRead: task.recordsRead,
    recordsWritten: context.written,
    lateRecords: context.late,
    commits,
    failed: task.errors.failed,
  };
}

export function sumOf(a: TaskCounts, b: TaskCounts): TaskCounts {
  return {
    recordsRead: a.recordsRead + b.recordsRead,
    recordsWritten: a.recordsWritten + b.recordsWritten,
    lateRecords: a.lateRecords + b.lateRecords,
    commits: a.commits + b.commits,
    failed: sumOfFailed(a.failed, b.failed),
  };
}

export function recordsOf(
  failed: readonly FailedRecords[],
  outcome: FailedRecords['outcome'],
): number {
  return failed.reduce((sum, of) => sum + (of.outcome === outcome ? of.records : 0), 0);
}

function sumOfFailed(
  a: readonly FailedRecords[],
  b: readonly FailedRecords[],
): readonly FailedRecords[] {
  const nameOf = ({ step, code, outcome }: FailedRecords) => JSON.stringify([step, code, outcome]);
  const sums = new Map(a.map((of) => [nameOf(of), of]));
  for (const of of b) {
    const records = of.records + (sums.get(nameOf(of))?.records ?? 0);
    sums.set(nameOf(of), { ...of, records });
  }
  return [...sums.values()];
}
