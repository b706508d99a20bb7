import { describeGraph } from '../../runtime/index.ts';
import { loadJobs } from '../load-jobs.ts';

/** Prints the graph of each job of a file. */
export async function explain(file: string): Promise<void> {
  for (const job of await loadJobs(file)) process.stdout.write(describeGraph(job.graph));
}
