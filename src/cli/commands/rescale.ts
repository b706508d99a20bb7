import { MillraceError } from '../../platform/index.ts';
import { type Job, type RescaleSummary, rescale } from '../../runtime/index.ts';
import { loadJobs } from '../load-jobs.ts';
import type { DataOptions } from '../open.ts';
import { type Terminal, write } from '../terminal.ts';

export interface RescaleArguments extends DataOptions {
  readonly tasks?: number;
  readonly quiet?: boolean;
}

/** Moves the state of a stopped job to other tasks, and says what that was. */
export async function rescaleFile(
  file: string,
  name: string | undefined,
  { data, tasks, quiet = false }: RescaleArguments,
  { output, errors }: Terminal,
): Promise<void> {
  const job = jobNamed(await loadJobs(file), name, file);
  let told = '';
  const onProgress = (progress: string) => {
    if (progress !== told && !quiet) errors.write(`${progress}\n`);
    told = progress;
  };
  const options = { data, onProgress, ...(tasks === undefined ? {} : { tasks }) };
  await write(output, `${said(await rescale(job, options))}\n`);
}

function jobNamed(jobs: readonly Job[], name: string | undefined, file: string): Job {
  const [first] = jobs;
  const found = name === undefined ? first : jobs.find((job) => job.name === name);
  if (found !== undefined && (name !== undefined || jobs.length === 1)) return found;
  const names = jobs.map((job) => job.name).join(', ');
  const problem = name === undefined ? 'several jobs' : `no job "${name}"`;
  throw new MillraceError(
    'INVALID',
    `${file} has ${problem}. Say which one: millrace rescale ${file} JOB, of ${names}.`,
  );
}

function said({ job, from, to, isMoved, rows, unlike }: RescaleSummary): string {
  if (!isMoved) return `job ${job} has ${inWords(to)} already`;
  const moved = `job ${job}: ${inWords(from)} -> ${inWords(to)}, ${rows} rows of state`;
  if (unlike.length === 0) return moved;
  return `${moved}; not the same in all tasks, that of the first was kept: ${unlike.join(', ')}`;
}

function inWords(tasks: readonly number[]): string {
  const [first] = tasks;
  const count = first === 1 && tasks.length === 1 ? '1 task' : `${tasks.join(' + ')} tasks`;
  return count;
}
