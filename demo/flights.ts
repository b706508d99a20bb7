/** The flights of the demo: 3,000,000 real ones, from the npm package vega-datasets. */
import { fileURLToPath } from 'node:url';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { Flight } from '../examples/flight-delays.ts';

/** Minutes to milliseconds. */
const minuteMs = 60_000;

/** When a flight's delay became known, in ms since the epoch. */
export function knownAt(flight: Flight): number {
  return flight.date + Math.max(flight.delay, 0) * minuteMs;
}

/** All flights in the order in which their delays became known. */
export async function readFlights(onProgress: (share: number) => void): Promise<Flight[]> {
  const url = new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets'));
  const file = await asyncBufferFromFile(fileURLToPath(url));
  const flights: Flight[] = [];
  const step = 100_000;
  for (let rowStart = 0; ; rowStart += step) {
    const rows = await parquetReadObjects({ file, compressors, rowStart, rowEnd: rowStart + step });
    for (const row of rows) flights.push(toFlight(row));
    onProgress(Math.min(flights.length / 3_000_000, 1));
    if (rows.length < step) break;
  }
  return flights.sort((a, b) => knownAt(a) - knownAt(b));
}

function toFlight(row: Readonly<Record<string, unknown>>): Flight {
  return {
    date: millisecondsOf(row.date),
    delay: Number(row.delay),
    distance: Number(row.distance),
    origin: String(row.origin),
    destination: String(row.destination),
  };
}

function millisecondsOf(value: unknown): number {
  return value instanceof Date ? value.getTime() : Number(value);
}
