/**
 * Joins, deduplication and tables against SQL, over flights. A table is what its changes leave.
 */
import { beforeAll, expect, test } from 'vitest';
import { type Change, count, sum, type Table } from '../../src/dsl/index.ts';
import { answersOf, type Flight, type OfAirport, openDuckDb, type Row, sorted } from './flights.ts';

let ask: Awaited<ReturnType<typeof openDuckDb>>;

beforeAll(async () => {
  ask = await openDuckDb();
});

const hourMs = 3_600_000;

test('a left interval join: departures, and what is on its way to their airport', async () => {
  const rows = await answersOf('near', (airports) =>
    airports
      .connect(airports.keyBy((f) => f.destination))
      .within({ before: '2h', after: '1h' })
      .leftJoin((departure, other) => ({ departure: departure.n, other: other?.n ?? null })),
  );
  const expected = await ask(`
    SELECT l.origin AS key, l.n AS departure, r.n AS other
    FROM flights l LEFT JOIN flights r ON l.origin = r.destination
      AND r.departs BETWEEN l.departs - ${2 * hourMs} AND l.departs + ${hourMs}`);
  const alone = expected.filter(({ other }) => other === null);
  expect(alone.length).toBeGreaterThan(500);
  expect(expected.length).toBeGreaterThan(alone.length + 500);
  expect(sorted(rows)).toEqual(sorted(expected));
});

test('an as-of join: departures, and what was last on its way to their airport', async () => {
  const rows = await answersOf('as-of', (airports) =>
    airports
      .connect(airports.keyBy((f) => f.destination).toTable())
      .asOfEventTime()
      .leftJoin((departure, last) => ({ departure: departure.n, last: last?.n ?? null })),
  );
  const expected = await ask(`
    SELECT l.origin AS key, l.n AS departure, r.n AS last
    FROM flights l ASOF LEFT JOIN (
      SELECT destination, departs, max(n) AS n FROM flights GROUP BY destination, departs) r
    ON l.origin = r.destination AND l.departs >= r.departs`);
  expect(expected.filter(({ last }) => last === null).length).toBeGreaterThan(20);
  expect(sorted(rows)).toEqual(sorted(expected));
});

test('deduplication: the first flight that is known of each route', async () => {
  const rows = await answersOf('routes', (airports) =>
    airports
      .deduplicate({ by: (f) => [f.origin, f.destination], within: '3650d' })
      .map(({ n }) => ({ n })),
  );
  const expected = await ask(
    'SELECT origin AS key, min(n) AS n FROM flights GROUP BY origin, destination',
  );
  expect(expected.length).toBeGreaterThan(1000);
  expect(sorted(rows)).toEqual(sorted(expected));
});

/** The rows of the table in the end, by `key`, as the column `row`. */
async function rowsOf<Of extends NonNullable<unknown>>(
  name: string,
  table: (airports: OfAirport) => Table<Of, string>,
): Promise<Row[]> {
  const rows = new Map<unknown, unknown>();
  for (const change of await answersOf(name, (airports) => table(airports).toStream())) {
    const { after } = change as unknown as Change<Of>; // what toStream gives
    if (after === undefined) rows.delete(change.key);
    else rows.set(change.key, after);
  }
  return [...rows].map(([key, row]) => ({ key, row }));
}

const delay = (flight: Flight) => flight.delay;

test('top-N: the three worst delays of each airport', async () => {
  const rows = await rowsOf('worst', (airports) =>
    airports.map(({ n, delay }) => ({ n, delay })).topN({ n: 3, by: (f) => f.delay }),
  );
  const expected = await ask(`
    SELECT origin AS key, list({'n': n, 'delay': delay} ORDER BY delay DESC, n)[1:3] AS row
    FROM flights GROUP BY origin`);
  expect(sorted(rows)).toEqual(sorted(expected));
});

test('a table of the latest flights, and totals of it that go down as well', async () => {
  const rows = await rowsOf('by-destination', (airports) =>
    airports
      .latest()
      .groupBy((f) => f.destination)
      .aggregate({ n: count(), total: sum(delay) }),
  );
  const expected = await ask(`
    SELECT destination AS key, {'n': count(*), 'total': sum(delay)::BIGINT} AS row FROM (
      SELECT origin, arg_max(destination, (departs, n)) AS destination,
        arg_max(delay, (departs, n)) AS delay
      FROM flights GROUP BY origin)
    GROUP BY destination`);
  expect(expected.length).toBeGreaterThan(20);
  expect(sorted(rows)).toEqual(sorted(expected));
});
