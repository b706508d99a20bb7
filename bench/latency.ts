/**
 * Producer -> job -> consumer in one process: `node bench/latency.ts RATE [SECONDS [PARALLELISM]]`.
 * With a parallelism the job has two stages, whose tasks all run in this thread.
 */
import { openLog, run } from 'millrace';
import { inDirectory, percentile, print, round } from './figures.ts';
import { consume, countingBy, input, produce, warmUpSeconds } from './latency-parts.ts';

const rate = Number(process.argv[2] ?? 10_000);
const seconds = Number(process.argv[3] ?? 60);
const parallelism = Number(process.argv[4] ?? 1);

await inDirectory(async (directory) => {
  const log = await openLog(directory);
  await log.createTopic(input);
  const handle = await run(countingBy(parallelism), { data: log });
  const consumed = consume(log.broker, rate * (warmUpSeconds + seconds));
  await produce(log, rate, warmUpSeconds + seconds);
  const all = await consumed;
  const latencies = all.subarray(rate * warmUpSeconds);
  const { commits } = handle.metrics();
  const { worstStall } = log.broker.status();
  await handle.stop();
  await log.close();
  print({
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    p999Ms: percentile(latencies, 0.999),
    maxMs: percentile(latencies, 1),
    p99MsWarmUp: percentile(all.subarray(0, rate * warmUpSeconds), 0.99),
    records: latencies.length,
    commits,
    worstStallMs: round(worstStall.ms),
    worstStallCause: worstStall.cause,
  });
});
