import { describeJob } from '../../runtime/index.ts';
import { loadJobs } from '../load-jobs.ts';
import { type Terminal, write } from '../terminal.ts';

/** Prints the graph of each job of a file, and its stages where several tasks share it. */
export async function explain(file: string, { output }: Terminal): Promise<void> {
  for (const job of await loadJobs(file)) await write(output, describeJob(job.graph));
}
