/** The history of the demo through its job, one thread; loading does not count. */
import { openLog, run } from 'millrace';
import { knownAt, readFlights } from '../demo/flights.ts';
import { load, partitions } from '../demo/load.ts';
import flightDelays, { flights } from '../examples/flight-delays.ts';
import { inDirectory, print, round } from './figures.ts';

const weekMs = 7 * 24 * 3_600_000;

await inDirectory(async (directory) => {
  const all = await readFlights(() => {});
  const last = all.at(-1);
  const liveFrom = (last === undefined ? 0 : knownAt(last)) - weekMs;
  const history = all.slice(
    0,
    all.findIndex((flight) => knownAt(flight) >= liveFrom),
  );
  all.length = 0;
  const loading = await openLog(directory);
  await loading.createTopic(flights, partitions);
  await load(loading, history, () => {});
  const records = history.length;
  history.length = 0;
  await loading.close();

  const log = await openLog(directory);
  const began = performance.now();
  const handle = await run(flightDelays, { data: log });
  await new Promise<void>((resolve) => {
    handle.status$.subscribe(({ partitions: inputs }) => {
      if (inputs.length > 0 && inputs.every(({ lag }) => lag === 0)) resolve();
    });
  });
  const seconds = (performance.now() - began) / 1000;
  await handle.stop();
  await log.close();
  print({ seconds: round(seconds), recordsPerSecond: Math.round(records / seconds) });
});
