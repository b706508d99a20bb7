import { type LogView, openLogView, type TaskDescription } from '../../broker/index.ts';
import { MillraceError, nodePlatform } from '../../platform/index.ts';
import { jobOfTask, nearest } from '../../runtime/index.ts';
import type { DataOptions } from '../open.ts';
import { tableOf } from '../table.ts';
import { type Terminal, write } from '../terminal.ts';

export interface StatusOptions extends DataOptions {
  readonly json?: boolean;
}

interface InputStatus {
  readonly topic: string;
  readonly partition: number;
  /** The next offset that the task reads, as of its last commit. */
  readonly position: number;
  readonly end: number;
  /** Records behind. */
  readonly lag: number;
}

interface TaskStatus {
  readonly job: string;
  readonly task: string;
  /** `dead`: its process has ended, or stands still, without releasing the task. */
  readonly state: 'running' | 'dead' | 'released';
  readonly process: { readonly pid: number; readonly host: string } | null;
  readonly epoch: number;
  readonly lag: number;
  readonly inputs: readonly InputStatus[];
}

/** Prints who runs the tasks of a job, or of all, and how far they are; changes nothing. */
export async function status(
  job: string | undefined,
  options: StatusOptions,
  { output, errors }: Terminal,
): Promise<void> {
  const tasks = await tasksIn(options.data);
  const shown = job === undefined ? tasks : ofJob(job, tasks);
  if (shown.length === 0) await write(errors, `No job has run in ${options.data} yet.\n`);
  else if (options.json === true) {
    for (const task of shown) await write(output, `${JSON.stringify(task)}\n`);
  } else await write(output, textOf(shown));
}

async function tasksIn(directory: string): Promise<TaskStatus[]> {
  const platform = nodePlatform();
  try {
    const log = await openLogView(platform, directory);
    try {
      const byName = new Intl.Collator('en', { numeric: true }).compare;
      const names = log.tasks.map(({ task }) => task).sort(byName);
      return names.flatMap((name) => {
        const job = jobOfTask(name);
        const described = log.describeTask(name);
        return job === undefined || described === undefined ? [] : statusOf(job, described, log);
      });
    } finally {
      log.close();
    }
  } finally {
    await platform.background.close();
  }
}

function statusOf(
  job: string,
  { task, holder, epoch, positions }: TaskDescription,
  log: LogView,
): TaskStatus {
  const inputs = positions.map(({ topic, partition, offset: position }) => {
    const end = log.endOf({ topic, partition });
    return { topic, partition, position, end, lag: end - position };
  });
  const lag = inputs.reduce((sum, input) => sum + input.lag, 0);
  const process = holder === undefined ? null : { pid: holder.pid, host: holder.host };
  const state = holder === undefined ? 'released' : holder.isLive ? 'running' : 'dead';
  return { job, task, state, process, epoch, lag, inputs };
}

function ofJob(job: string, tasks: readonly TaskStatus[]): TaskStatus[] {
  const found = tasks.filter((task) => task.job === job);
  if (found.length > 0) return found;
  const jobs = [...new Set(tasks.map((task) => task.job))];
  const likely = nearest(job, jobs);
  const hint = likely === undefined ? '' : ` Did you mean "${likely}"?`;
  const there = jobs.length === 0 ? 'No job has run here yet' : `There are: ${jobs.join(', ')}`;
  throw new MillraceError('INVALID', `There is no job "${job}".${hint} ${there}.`);
}

/** Who runs what, and under it how far each is in its inputs. */
function textOf(tasks: readonly TaskStatus[]): string {
  const who = tasks.map(({ task, state, process, epoch, lag }) => {
    return [task, state, process === null ? '' : `${process.pid} on ${process.host}`, epoch, lag];
  });
  const inputs = tasks.flatMap((of) => of.inputs.map((input) => ({ task: of.task, ...input })));
  const where = inputs.map(({ task, topic, partition, position, lag }) => {
    return [task, `${topic}/${partition}`, position, lag];
  });
  const all = tableOf(['task', 'state', 'process', 'epoch', 'behind'], who);
  if (where.length === 0) return all;
  return `${all}\n${tableOf(['task', 'input', 'position', 'behind'], where)}`;
}
