/**
 * Real flights, asked twice: by a Millrace job as a stream in the order in which delays became
 * known, so out of order by up to hours, and by DuckDB as a table.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { job, type KeyedStream, type Stream, topic } from '../../src/dsl/index.ts';
import { json, keyJson } from '../../src/formats/index.ts';
import { runScript } from '../support/operator-harness.ts';

export interface Flight {
  /** Its place in the order of arrival. */
  readonly n: number;
  /** When it was to leave, in ms since the epoch, as if all airports were in UTC. */
  readonly departs: number;
  /** Minutes; may be negative. */
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

export type Row = Readonly<Record<string, unknown>>;

const minuteMs = 60_000;
const file = fileURLToPath(
  new URL('../data/flights-5k.json', import.meta.resolve('vega-datasets')),
);

export const flights: readonly Flight[] = readFlights();

function readFlights(): Flight[] {
  const listed: (Omit<Flight, 'n' | 'departs'> & { date: string })[] = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  const knownAt = ({ departs, delay }: { departs: number; delay: number }) =>
    departs + Math.max(0, delay) * minuteMs;
  return listed
    .map(({ date, ...rest }) => ({ departs: Date.parse(`${date.replaceAll('/', '-')}Z`), ...rest }))
    .sort((a, b) => knownAt(a) - knownAt(b))
    .map((flight, n) => ({ n, ...flight }));
}

export const flightTopic = topic('flights', {
  key: keyJson<string>(),
  value: json<Flight>(),
});

/** So that none is late. */
export const byDeparture = {
  eventTime: (flight: Flight): number => flight.departs,
  outOfOrderness: '12h',
  quietAfter: 'off',
} as const;

/** The flights of each airport, as an answer begins with them. */
export type OfAirport = KeyedStream<Flight, string>;

/** What a job answers: each record of its output, with its key as the column `key`. */
export async function answersOf(
  name: string,
  answer: (flights: OfAirport) => Stream<object, string>,
): Promise<Row[]> {
  const answers = topic('answers', { key: keyJson<string>(), value: json(), partitions: 1 });
  const asked = job(name, ({ from }) => {
    answer(from(flightTopic, byDeparture).keyBy((f) => f.origin)).to(answers);
  });
  const records = flights.map((value) => ({ value, timestamp: value.departs }));
  const { outputs } = await runScript(asked, [{ records }]);
  return outputs['answers/0']?.map(({ key, value }) => ({ key, ...(value as Row) })) ?? [];
}

/** DuckDB with the table `flights`. It fetches no extensions. */
export async function openDuckDb(): Promise<(sql: string) => Promise<Row[]>> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    autoinstall_known_extensions: 'false',
  });
  const connection = await instance.connect();
  await connection.run(
    'CREATE TABLE flights (n BIGINT, departs BIGINT, delay BIGINT, distance BIGINT, ' +
      'origin VARCHAR, destination VARCHAR)',
  );
  const appender = await connection.createAppender('flights');
  for (const { n, departs, delay, distance, origin, destination } of flights) {
    for (const number of [n, departs, delay, distance]) appender.appendBigInt(BigInt(number));
    for (const text of [origin, destination]) appender.appendVarchar(text);
    appender.endRow();
  }
  appender.closeSync();
  return async (sql) => {
    const reader = await connection.runAndReadAll(sql);
    return reader.getRowObjectsJS().map((row) => plain(row) as Row); // objects stay objects
  };
}

/** Integers of SQL are bigints. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, of]) => [name, plain(of)]));
}

/** In one order, whatever the order of rows and of columns. */
export function sorted(rows: readonly Row[]): Row[] {
  const textOf = (row: Row) => JSON.stringify(Object.entries(row).sort());
  return rows
    .map((row) => ({ row, text: textOf(row) }))
    .sort((a, b) => (a.text < b.text ? -1 : 1))
    .map(({ row }) => row);
}
