/**
 * The history of the demo through its job, one thread. Another process loads it before, so that
 * neither its time nor its garbage counts. Beside it: how long it takes only to read the records and
 * parse their JSON.
 */
import { execFileSync } from 'node:child_process';
import { type Log, openLog, RecordCursor, run } from 'millrace';
import { knownAt, readFlights } from '../demo/flights.ts';
import { load, partitions } from '../demo/load.ts';
import flightDelays, { flights } from '../examples/flight-delays.ts';
import { inDirectory, print, round } from './figures.ts';

const weekMs = 7 * 24 * 3_600_000;

const [loadInto] = process.argv.slice(2);
if (loadInto === undefined) await inDirectory(measure);
else await loadHistory(loadInto);

async function measure(directory: string): Promise<void> {
  execFileSync(process.execPath, [import.meta.filename, directory], { stdio: 'inherit' });
  const log = await openLog(directory);
  const began = performance.now();
  const handle = await run(flightDelays, { data: log });
  await new Promise<void>((resolve) => {
    handle.status$.subscribe(({ partitions: inputs }) => {
      if (inputs.length > 0 && inputs.every(({ lag }) => lag === 0)) resolve();
    });
  });
  const seconds = (performance.now() - began) / 1000;
  const { recordsRead } = handle.metrics();
  await handle.stop();
  const parseSeconds = round(measureParsing(log));
  await log.close();
  const recordsPerSecond = Math.round(recordsRead / seconds);
  print({ seconds: round(seconds), recordsPerSecond, parseSeconds });
}

function measureParsing({ broker }: Log): number {
  const began = performance.now();
  const cursor = new RecordCursor();
  for (let partition = 0; partition < partitions; partition++) {
    for (let offset = 0; ; offset = cursor.endOffset()) {
      const batches = broker.read({ topic: flights.name, partition }, offset, 256 * 1024);
      if (batches === undefined) break;
      cursor.reset(batches.bytes);
      while (cursor.next()) flights.value.decode(cursor.bytes, cursor.valueStart, cursor.valueEnd);
    }
  }
  return (performance.now() - began) / 1000;
}

async function loadHistory(directory: string): Promise<void> {
  const all = await readFlights(() => {});
  const last = all.at(-1);
  const liveFrom = (last === undefined ? 0 : knownAt(last)) - weekMs;
  const history = all.slice(
    0,
    all.findIndex((flight) => knownAt(flight) >= liveFrom),
  );
  const log = await openLog(directory);
  await log.createTopic(flights, partitions);
  await load(log, history, () => {});
  await log.close();
}
