/**
 * Commits of 1 KB, each writer as often as it may: 8 threads of one process, which use its
 * committer by message, or 8 processes, each with its own. `node bench/commits.ts
 * threads|processes`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { bytes, openLog, RecordBatchBuilder, topic } from 'millrace';
import { inDirectory, percentile, print, round } from './figures.ts';

const writers = 8;
const seconds = 20;
const target = { topic: 'commits', partition: 0 };
const commits = topic('commits', { key: bytes(), value: bytes() });

interface Result {
  readonly count: number;
  readonly latencies: number[];
}

if (!isMainThread) await writeFromThread();
else if (process.argv[2] === 'writer') await writeFromProcess(process.argv[3] ?? '');
else await inDirectory(process.argv[2] === 'threads' ? measureThreads : measureProcesses);

function oneKilobyte() {
  const builder = new RecordBatchBuilder();
  builder.append(Date.now(), null, Buffer.alloc(940));
  const { recordCount, maxTimestamp } = builder;
  return { ...target, batches: builder.build(), recordCount, maxTimestamp };
}

/** Commits one after another until time is up. */
async function write(commit: () => Promise<unknown>): Promise<Result> {
  const latencies: number[] = [];
  const ends = performance.now() + seconds * 1000;
  while (performance.now() < ends) {
    const began = performance.now();
    await commit();
    latencies.push(performance.now() - began);
  }
  return { count: latencies.length, latencies };
}

async function writeFromThread(): Promise<void> {
  const port = parentPort;
  if (port === null) return;
  let answered = () => {};
  port.on('message', () => answered());
  const result = await write(() => {
    const append = oneKilobyte();
    // A view of a pooled buffer would be sent with all of its pool.
    const batches = Uint8Array.from(append.batches);
    port.postMessage({ append: { ...append, batches } }, [batches.buffer]);
    return new Promise<void>((resolve) => {
      answered = resolve;
    });
  });
  port.postMessage({ result });
  port.close();
}

async function writeFromProcess(directory: string): Promise<void> {
  const log = await openLog(directory);
  const result = await write(() => log.broker.append([oneKilobyte()]));
  process.send?.(result);
  await log.close();
  process.disconnect();
}

async function measureThreads(directory: string): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(commits);
  const results = await Promise.all(
    Array.from({ length: writers }, () => {
      const worker = new Worker(import.meta.filename);
      return new Promise<Result>((resolve, reject) => {
        worker.on('error', reject);
        worker.on('message', ({ append, result }) => {
          if (result !== undefined) resolve(result);
          else log.broker.append([append]).then(() => worker.postMessage('done'), reject);
        });
      });
    }),
  );
  await log.close();
  tell('threads', results);
}

async function measureProcesses(directory: string): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(commits);
  await log.close();
  const results = await Promise.all(
    Array.from({ length: writers }, () => {
      const child: ChildProcess = fork(import.meta.filename, ['writer', directory], {
        serialization: 'advanced',
      });
      return new Promise<Result>((resolve, reject) => {
        child.on('error', reject);
        let result: Result | undefined;
        child.on('message', (message) => {
          result = message as Result;
        });
        child.on('exit', (code) => {
          if (result !== undefined && code === 0) resolve(result);
          else reject(new Error(`a writer ended with code ${code}`));
        });
      });
    }),
  );
  tell('processes', results);
}

function tell(what: string, results: readonly Result[]): void {
  const counts = results.map(({ count }) => count);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const latencies = results.flatMap((result) => result.latencies);
  const capital = what[0]?.toUpperCase() + what.slice(1);
  print({
    [what]: Math.round(total / seconds),
    [`p99Ms${capital}`]: percentile(latencies, 0.99),
    [`p999Ms${capital}`]: percentile(latencies, 0.999),
    [`slowestOfMean${capital}`]: round(Math.min(...counts) / (total / results.length)),
  });
}
