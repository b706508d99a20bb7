/**
 * The same as three processes on one directory: this one consumes, one produces, one runs the job.
 */
import { spawn } from 'node:child_process';
import { openLog, run } from 'millrace';
import { inDirectory, percentile, print } from './figures.ts';
import { consume, counting, input, output, produce, warmUpSeconds } from './latency-parts.ts';

const [, , rateText = '10000', secondsText = '60', role, directoryOfRole = ''] = process.argv;
const rate = Number(rateText);
const seconds = Number(secondsText);

if (role === 'produce') {
  const log = await openLog(directoryOfRole);
  await produce(log, rate, warmUpSeconds + seconds);
  await log.close();
} else if (role === 'run') {
  const handle = await run(counting, { data: directoryOfRole });
  process.on('SIGTERM', () => handle.stop());
  await handle.done;
} else {
  await inDirectory(measure);
}

async function measure(directory: string): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(input);
  await log.createTopic(output, 4);
  const start = (as: string) =>
    spawn(process.execPath, [import.meta.filename, rateText, secondsText, as, directory], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  const job = start('run');
  const consumed = consume(log.broker, rate * (warmUpSeconds + seconds));
  const producer = start('produce');
  const latencies = (await consumed).subarray(rate * warmUpSeconds);
  job.kill('SIGTERM');
  await Promise.all(
    [job, producer].map((child) => new Promise((resolve) => child.on('close', resolve))),
  );
  await log.close();
  print({
    p50MsProcesses: percentile(latencies, 0.5),
    p99MsProcesses: percentile(latencies, 0.99),
    p999MsProcesses: percentile(latencies, 0.999),
    maxMsProcesses: percentile(latencies, 1),
  });
}
