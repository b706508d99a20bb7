import { type JobHandle, type JobStatus, openLog, run } from '../../runtime/index.ts';
import { loadJobs } from '../load-jobs.ts';
import { type DataOptions, interruption } from '../open.ts';

export interface RunFileOptions extends DataOptions {
  readonly takeOver?: boolean;
  readonly durability: 'disk' | 'process';
  readonly quiet?: boolean;
}

const statusEveryMs = 5000;

/** Runs the jobs of a file until they are interrupted or fail. */
export async function runFile(file: string, options: RunFileOptions): Promise<void> {
  const stopped = interruption();
  const jobs = await loadJobs(file);
  const { data, durability, takeOver = false } = options;
  const log = await openLog(data, { durability });
  try {
    const handles = await Promise.all(
      jobs.map((job) => run(job, { data: log, durability, takeOver })),
    );
    const stop = () => Promise.allSettled(handles.map((handle) => handle.stop()));
    stopped.addEventListener('abort', stop);
    if (options.quiet !== true) handles.forEach(tell);
    await Promise.all(handles.map((handle) => handle.done));
  } finally {
    await log.close();
  }
}

/** Tells on standard error that a job runs, how it goes, and how it ended. */
function tell(handle: JobHandle): void {
  let said: JobStatus['state'] | undefined;
  let status = handle.status();
  const timer = setInterval(() => say(progressOf(handle.status())), statusEveryMs);
  timer.unref();
  handle.status$.subscribe({
    next: (next) => {
      status = next;
      if (next.state === said) return;
      said = next.state;
      say(
        `${next.job}: ${next.state}${next.error === undefined ? '' : ` (${next.error.message})`}`,
      );
    },
    complete: () => {
      clearInterval(timer);
      say(progressOf(status));
    },
  });
}

function progressOf({ job, metrics, partitions, watermark, waitingFor }: JobStatus): string {
  const lag = partitions.reduce((sum, partition) => sum + partition.lag, 0);
  const time = watermark === undefined ? 'none yet' : new Date(watermark).toISOString();
  const parts = [
    `${metrics.recordsRead} records read`,
    `${lag} to go`,
    `${metrics.recordsWritten} written`,
    `${metrics.lateRecords} late`,
    `watermark ${time}`,
  ];
  if (waitingFor !== undefined) parts.push(`waiting for ${waitingFor}`);
  return `${job}: ${parts.join(', ')}`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
