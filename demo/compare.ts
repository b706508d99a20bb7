/** Compares what the job wrote with one plain SQL query over the same flights. */
import Database from 'better-sqlite3';
import type { Log } from 'millrace';
import { delays, type Flight, late } from '../examples/flight-delays.ts';

export interface Comparison {
  readonly windows: number;
  readonly lateFlights: number;
  /** Airports and hours where the two do not agree. */
  readonly differences: number;
}

/**
 * A flight came in time unless it is in the topic of late ones; equal flights are told apart by
 * counting them. For every airport and hour: flights in the window + late flights = all flights,
 * and the window's aggregates are those of the flights in time.
 */
const query = `
  WITH hours AS (
    SELECT origin, date / 3600000 * 3600000 AS start, count(*) AS flights
    FROM flights GROUP BY 1, 2),
  late_hours AS (
    SELECT origin, date / 3600000 * 3600000 AS start, count(*) AS flights
    FROM late GROUP BY 1, 2),
  late_copies AS (
    SELECT *, row_number() OVER (PARTITION BY origin, date, destination, delay, distance) AS copy
    FROM late),
  candidates AS (
    SELECT *, row_number() OVER (PARTITION BY origin, date, destination, delay, distance) AS copy
    FROM flights f
    WHERE EXISTS (SELECT 1 FROM late l WHERE l.origin = f.origin AND l.date = f.date)),
  in_time AS (
    SELECT origin, date, delay FROM flights f
    WHERE NOT EXISTS (SELECT 1 FROM late l WHERE l.origin = f.origin AND l.date = f.date)
    UNION ALL
    SELECT c.origin, c.date, c.delay FROM candidates c
    LEFT JOIN late_copies l USING (origin, date, destination, delay, distance, copy)
    WHERE l.copy IS NULL),
  sides AS (
    SELECT origin, start, flights AS everyone, 0 AS late, 0 AS inWindow, 0 AS inTime,
           NULL AS meanDelay, NULL AS delayed, NULL AS worst,
           NULL AS sqlMean, NULL AS sqlDelayed, NULL AS sqlWorst
    FROM hours
    UNION ALL
    SELECT origin, start, 0, flights, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL FROM late_hours
    UNION ALL
    SELECT origin, start, 0, 0, flights, 0, meanDelay, delayed, worst, NULL, NULL, NULL
    FROM windows
    UNION ALL
    SELECT origin, date / 3600000 * 3600000, 0, 0, 0, count(*), NULL, NULL, NULL,
           avg(delay), avg(delay > 15), max(delay)
    FROM in_time GROUP BY 1, 2),
  differences AS (
    SELECT origin, start FROM sides GROUP BY origin, start
    HAVING sum(everyone) <> sum(inWindow) + sum(late)
        OR sum(inWindow) <> sum(inTime)
        OR max(meanDelay) IS NOT max(sqlMean)
        OR max(delayed) IS NOT max(sqlDelayed)
        OR max(worst) IS NOT max(sqlWorst))
  SELECT count(*) FROM differences`;

/** Columns with their types: integer columns make integers of numbers, so that division is whole. */
const flightColumns = {
  origin: 'TEXT',
  date: 'INTEGER',
  destination: 'TEXT',
  delay: 'INTEGER',
  distance: 'INTEGER',
} as const;

const windowColumns = {
  origin: 'TEXT',
  start: 'INTEGER',
  flights: 'INTEGER',
  meanDelay: 'REAL',
  delayed: 'REAL',
  worst: 'INTEGER',
} as const;

export async function compareWithSql(
  log: Log,
  all: readonly Flight[],
  onProgress: (share: number) => void,
): Promise<Comparison> {
  const database = new Database(':memory:');
  try {
    insertAll(database, 'flights', flightColumns, all, onProgress);
    const windows = [];
    for await (const { key, value } of log.records(delays)) {
      if (value === null) continue;
      const { flights, meanDelay, delayed, worst, windowStart: start } = value;
      windows.push({ origin: key, start, flights, meanDelay, delayed, worst });
    }
    insertAll(database, 'windows', windowColumns, windows);
    const lateFlights = [];
    for await (const { value } of log.records(late)) if (value !== null) lateFlights.push(value);
    insertAll(database, 'late', flightColumns, lateFlights);
    database.exec('CREATE INDEX late_by_hour ON late (origin, date)');
    const differences = Number(database.prepare(query).pluck().get());
    return { windows: windows.length, lateFlights: lateFlights.length, differences };
  } finally {
    database.close();
  }
}

function insertAll<Column extends string>(
  database: Database.Database,
  table: string,
  columns: Readonly<Record<Column, string>>,
  rows: readonly Readonly<Partial<Record<Column, unknown>>>[],
  onProgress: (share: number) => void = () => {},
): void {
  const names = Object.keys(columns) as Column[]; // the keys of the record
  const definitions = names.map((name) => `${name} ${columns[name]}`);
  database.exec(`CREATE TABLE ${table} (${definitions.join(', ')})`);
  const insert = database.prepare(
    `INSERT INTO ${table} VALUES (${names.map(() => '?').join(', ')})`,
  );
  database.exec('BEGIN');
  for (const [i, row] of rows.entries()) {
    insert.run(names.map((name) => row[name]));
    if (i % 100_000 === 0) onProgress(i / rows.length);
  }
  database.exec('COMMIT');
}
