import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf } from '../../platform/index.ts';
import {
  type JobHandle,
  type JobStatus,
  type JobTaskStatus,
  openLog,
  type RebuildStatus,
  run,
} from '../../runtime/index.ts';
import { loadJobs } from '../load-jobs.ts';
import type { DataOptions } from '../open.ts';
import type { Terminal } from '../terminal.ts';

export interface RunFileOptions extends DataOptions {
  readonly takeOver?: boolean;
  readonly rebuildState?: boolean;
  readonly durability: 'disk' | 'process';
  readonly quiet?: boolean;
  /** Threads that run tasks. */
  readonly workers?: number;
}

const statusEveryMs = 5000;

/**
 * Runs the jobs of a file until they are interrupted. Where one fails, the others end with a last
 * commit, and the command fails with it.
 */
export async function runFile(
  file: string,
  options: RunFileOptions,
  terminal: Terminal,
): Promise<void> {
  const stopped = terminal.interruption();
  const jobs = await loadJobs(file);
  const { data, durability, takeOver = false, rebuildState = false, workers } = options;
  const threads = workers === undefined ? {} : { workers, module: pathToFileURL(resolve(file)) };
  const log = await openLog(data, { durability });
  try {
    const handles = await Promise.all(
      jobs.map((job) => run(job, { data: log, durability, takeOver, rebuildState, ...threads })),
    );
    const say = (line: string) => void terminal.errors.write(`${line}\n`);
    if (options.quiet !== true) for (const handle of handles) tell(handle, say);
    const [first, ...others] = await failuresOf(handles, stopped);
    for (const { job, error } of others) say(`${job}: ${messageOf(error)}`);
    if (first !== undefined) throw first.error;
  } finally {
    await log.close();
  }
}

interface Failure {
  readonly job: string;
  readonly error: unknown;
}

/** Waits until all have ended: one that fails ends the others, before their log is closed. */
async function failuresOf(
  handles: readonly JobHandle[],
  stopped: AbortSignal,
): Promise<readonly Failure[]> {
  const stop = () => void Promise.allSettled(handles.map((handle) => handle.stop()));
  stopped.addEventListener('abort', stop);
  if (stopped.aborted) stop();
  for (const { done } of handles) done.catch(stop);
  const ends = await Promise.allSettled(handles.map(({ done }) => done));
  return ends.flatMap((end, i) =>
    end.status === 'rejected' ? [{ job: handles[i]?.job ?? '', error: end.reason }] : [],
  );
}

/** Tells that a job runs, how it goes, and how it ended. */
function tell(handle: JobHandle, say: (line: string) => void): void {
  let said: JobStatus['state'] | undefined;
  let saidOfRebuild: boolean | undefined;
  let saidOfPart: string | undefined;
  let status = handle.status();
  const timer = setInterval(() => say(progressOf(handle.status())), statusEveryMs);
  timer.unref();
  handle.status$.subscribe({
    next: (next) => {
      status = next;
      const { rebuild } = next;
      if (rebuild !== undefined && rebuild.done !== saidOfRebuild) {
        saidOfRebuild = rebuild.done;
        say(rebuildOf(next.job, rebuild));
      }
      if (next.state !== said) {
        said = next.state;
        say(stateOf(next));
      }
      const part = partOf(next);
      if (part === undefined || part === saidOfPart) return;
      saidOfPart = part;
      say(part);
    },
    complete: () => {
      clearInterval(timer);
      if (status.state !== 'failed') say(progressOf(status));
    },
  });
}

/** The failure that ends a job is what the command fails with: it need not be said twice. */
function stateOf({ job, state, error }: JobStatus): string {
  const because = state === 'restarting' && error !== undefined ? ` (${error.message})` : '';
  return `${job}: ${state}${because}`;
}

function rebuildOf(job: string, { because, done, total, replaced }: RebuildStatus): string {
  if (!done) return `${job}: rebuilding its state, because ${because}`;
  const kept = replaced === undefined ? '' : `; the file that was refused is kept as ${replaced}`;
  return `${job}: its state was rebuilt from ${total} commits${kept}`;
}

function progressOf(status: JobStatus): string {
  const { job, metrics, waitingFor, rebuild } = status;
  if (rebuild?.done === false) {
    return `${job}: rebuilding its state, ${rebuild.commits} of ${rebuild.total} commits so far`;
  }
  const parts = [
    `${metrics.recordsRead} records read`,
    ...leftOf(status),
    `${metrics.recordsWritten} written`,
    `${metrics.lateRecords} late`,
    ...timeOf(status),
  ];
  if (metrics.skippedRecords > 0) parts.push(`${metrics.skippedRecords} skipped`);
  if (metrics.deadLetters > 0) parts.push(`${metrics.deadLetters} dead letters`);
  if (waitingFor !== undefined) parts.push(`waiting for ${waitingFor}`);
  return `${job}: ${parts.join(', ')}`;
}

/** What is left for the tasks that run here: in the job's own topics, and between its tasks. */
function leftOf(status: JobStatus): readonly string[] {
  if (hasNothingHere(status)) return [];
  const lagOf = (isInternal: boolean) =>
    status.partitions
      .filter(({ topic }) => topic.startsWith('__') === isInternal)
      .reduce((sum, { lag }) => sum + lag, 0);
  const between = lagOf(true);
  return [`${lagOf(false)} to go`, ...(between === 0 ? [] : [`${between} between its tasks`])];
}

function timeOf(status: JobStatus): readonly string[] {
  if (hasNothingHere(status)) return [];
  const { watermark } = status;
  return [`watermark ${watermark === undefined ? 'none yet' : new Date(watermark).toISOString()}`];
}

function hasNothingHere({ tasks }: JobStatus): boolean {
  return tasks.length > 1 && !tasks.some(isHere);
}

/** How much of a shared job this process runs; undefined where there is nothing to share. */
function partOf({ job, state, tasks }: JobStatus): string | undefined {
  if (tasks.length < 2 || state !== 'running') return undefined;
  const here = tasks.filter(isHere).length;
  if (here > 0) return `${job}: runs ${here} of ${tasks.length} tasks`;
  return `${job}: runs none of ${tasks.length} tasks; takes over where another process ends`;
}

function isHere({ state }: JobTaskStatus): boolean {
  return state !== 'elsewhere' && state !== 'free';
}
