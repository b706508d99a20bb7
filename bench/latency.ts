/** Producer -> job -> consumer in one process: `node bench/latency.ts RATE [SECONDS]`. */
import { openLog, run } from 'millrace';
import { inDirectory, percentile, print, round } from './figures.ts';
import { consume, counting, input, produce } from './latency-parts.ts';

const rate = Number(process.argv[2] ?? 10_000);
const seconds = Number(process.argv[3] ?? 60);

await inDirectory(async (directory) => {
  const log = await openLog(directory);
  await log.createTopic(input);
  const handle = await run(counting, { data: log });
  const consumed = consume(log.broker, rate * seconds);
  await produce(log, rate, seconds);
  const latencies = await consumed;
  const { commits } = handle.metrics();
  const { worstStall } = log.broker.status();
  await handle.stop();
  await log.close();
  print({
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    p999Ms: percentile(latencies, 0.999),
    maxMs: percentile(latencies, 1),
    records: latencies.length,
    commits,
    worstStallMs: round(worstStall.ms),
    worstStallCause: worstStall.cause,
  });
});
