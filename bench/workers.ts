/**
 * A job with one task in one thread, and shared by two worker threads: how many times as fast it
 * gets through the same input, which is all there before. Each in a process of its own, in turn.
 *
 *   node bench/workers.ts flights | q5
 */
import { execFileSync } from 'node:child_process';
import { openLog, run } from 'millrace';
import { readFlights } from '../demo/flights.ts';
import { load, partitions } from '../demo/load.ts';
import { flights } from '../examples/flight-delays.ts';
import { appendEvents } from './events.ts';
import { inDirectory, print, round } from './figures.ts';
import { nexmark, timeOf } from './nexmark/events.ts';
import { EventGenerator } from './nexmark/generator.ts';
import jobs, { parallelism, sharedNameOf } from './workers-jobs.ts';

const nexmarkEvents = 2_000_000;
const [what = 'flights', role, directory = ''] = process.argv.slice(2);
const name = what === 'q5' ? 'q5' : 'flight-delays';

if (role === undefined) await inDirectory(measure);
else if (role === 'load') await loadInput();
else await runJob(role);

async function measure(parent: string): Promise<void> {
  const one = timeOfRun(name, `${parent}/one`);
  const shared = timeOfRun(sharedNameOf(name), `${parent}/shared`);
  print({
    [`seconds ${what}`]: round(one),
    [`seconds ${what} shared`]: round(shared),
    [`ratio ${what}`]: round(one / shared),
  });
}

function timeOfRun(job: string, into: string): number {
  start('load', into);
  return Number(JSON.parse(start(job, into)).seconds);
}

function start(as: string, into: string): string {
  const args = [...process.execArgv, import.meta.filename, what, as, into];
  return execFileSync(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
}

async function runJob(named: string): Promise<void> {
  const log = await openLog(directory);
  const job = jobs.find((of) => of.name === named);
  if (job === undefined) throw new Error(`there is no job ${named}`);
  const isShared = named !== name;
  const module = new URL('./workers-jobs.ts', import.meta.url);
  const threads = isShared ? { workers: parallelism, module } : {};
  const began = performance.now();
  const handle = await run(job, { data: log, ...threads });
  await handle.stop({ drain: true });
  const seconds = (performance.now() - began) / 1000;
  await log.close();
  print({ seconds });
}

async function loadInput(): Promise<void> {
  const log = await openLog(directory);
  if (what === 'q5') {
    await log.createTopic(nexmark, partitions);
    await appendEvents(log, nexmark.name, nexmarkRecords());
  } else {
    await log.createTopic(flights, partitions);
    await load(log, await readFlights(() => {}), () => {});
  }
  await log.close();
}

function* nexmarkRecords() {
  for (const event of new EventGenerator({ rate: 100_000 }).take(nexmarkEvents)) {
    yield { key: '', value: JSON.stringify(event), timestamp: timeOf(event) };
  }
}
