/**
 * The demo: 3,000,000 real flights. All but the last week are history, loaded and computed at full
 * speed; the last week arrives live. At the end the result is compared with plain SQL over the same
 * rows.
 */
import { type JobHandle, type Log, openLog, run } from 'millrace';
import { filter, firstValueFrom, tap } from 'rxjs';
import flightDelays, { type Flight, flights } from '../examples/flight-delays.ts';
import { compareWithSql } from './compare.ts';
import { knownAt, readFlights } from './flights.ts';
import { playLive } from './live.ts';
import { load, partitions } from './load.ts';
import { demoOptions } from './options.ts';
import { heading, line, Progress } from './screen.ts';

const weekMs = 7 * 24 * 3_600_000;

const options = demoOptions(process.argv.slice(2));
const all = await read();
const last = all.at(-1);
const liveFrom = (last === undefined ? 0 : knownAt(last)) - weekMs;
const firstLive = all.findIndex((flight) => knownAt(flight) >= liveFrom);

const log = await openLog(options.directory);
await log.createTopic(flights, partitions);
await loadHistory(log, all.slice(0, firstLive));

const handle = await run(flightDelays, { data: log });
await computeHistory(handle, firstLive);
heading(
  `The last week arrives live, ${options.speedUp.toLocaleString('en')} times faster than ` +
    `it was:`,
);
await playLive(log, handle, all.slice(firstLive), options.speedUp);
await handle.stop({ drain: true });

const agrees = await compare(log, all);
await log.close();
tellWhatNext(options.directory);
process.exitCode = agrees ? 0 : 1;

async function read(): Promise<Flight[]> {
  const progress = new Progress('Reading the flights ');
  const read = await readFlights((share) => progress.show(share));
  progress.done(`${read.length.toLocaleString('en')} flights`);
  return read;
}

async function loadHistory(into: Log, history: readonly Flight[]): Promise<void> {
  const progress = new Progress('Loading the history ');
  await load(into, history, (share) => progress.show(share));
  progress.done(`${history.length.toLocaleString('en')} flights into ${partitions} partitions`);
}

async function computeHistory(job: JobHandle, records: number): Promise<void> {
  const progress = new Progress('Computing delays    ');
  const caughtUp = firstValueFrom(
    job.status$.pipe(
      tap(({ metrics }) => progress.show(metrics.recordsRead / records)),
      filter(({ partitions: inputs }) => inputs.length > 0 && inputs.every(({ lag }) => lag === 0)),
    ),
  );
  await Promise.race([caughtUp, job.done]); // done rejects with what keeps the job from running
  const { recordsWritten } = job.metrics();
  progress.done(`${recordsWritten.toLocaleString('en')} results`);
}

async function compare(from: Log, flown: readonly Flight[]): Promise<boolean> {
  heading('Compared with one SQL query over the same rows:');
  const progress = new Progress('Asking SQL          ');
  const comparison = await compareWithSql(from, flown, (share) => progress.show(share));
  const { windows, lateFlights, differences } = comparison;
  progress.done(
    `${windows.toLocaleString('en')} windows, ${lateFlights.toLocaleString('en')} ` +
      `flights late`,
  );
  if (differences === 0) line('All agree: every airport, every hour, every flight.');
  else line(`${differences} airports and hours do NOT agree. This is a bug in Millrace.`);
  return differences === 0;
}

function tellWhatNext(directory: string): void {
  heading(`The data is in ${directory}. Try next:`);
  line(`  npx millrace topics --data ${directory}`);
  line(`  npx millrace consume delays-by-hour --data ${directory} --json --max 5`);
  line('  npx millrace explain examples/flight-delays.ts');
}
