/**
 * Windows against SQL: the same question as a job over the stream of flights and as DuckDB answers
 * it over the table. Each row must be equal.
 */
import { beforeAll, expect, test } from 'vitest';
import {
  afterCount,
  afterWatermark,
  calendar,
  count,
  cumulating,
  hopping,
  max,
  session,
  sum,
  tumbling,
} from '../../src/dsl/index.ts';
import { answersOf, type Flight, type OfAirport, openDuckDb, sorted } from './flights.ts';

let ask: Awaited<ReturnType<typeof openDuckDb>>;

beforeAll(async () => {
  ask = await openDuckDb();
});

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const delay = (flight: Flight) => flight.delay;

/** What the jobs here compute of flights that have the columns `starts` and `ends`. */
const totalsOf = (flights: string) => `
  SELECT origin AS key, count(*) AS n, sum(delay)::BIGINT AS total, max(distance) AS farthest,
    starts AS "windowStart", ends AS "windowEnd"
  FROM (${flights}) GROUP BY origin, starts, ends`;

const totals = { n: count(), total: sum(delay), farthest: max((f: Flight) => f.distance) };

async function expectSame(
  name: string,
  answer: Parameters<typeof answersOf>[1],
  sql: string,
  rowsMin: number,
): Promise<void> {
  const expected = sorted(await ask(sql));
  expect(expected.length).toBeGreaterThan(rowsMin);
  expect(sorted(await answersOf(name, answer))).toEqual(expected);
}

test('tumbling windows that fire more than once end with what SQL says', async () => {
  const trigger = afterWatermark({ early: afterCount(3) });
  const rows = await answersOf('panes', (airports) =>
    airports
      .window(tumbling('7d', { offset: '4d' }))
      .trigger(trigger)
      .aggregate(totals),
  );
  const last = new Map(
    rows.map(({ pane: _, ...row }) => [`${row.key} ${row.windowStart}`, row] as const),
  );
  const expected = await ask(
    totalsOf(`SELECT *, departs - (departs - ${4 * dayMs}) % ${7 * dayMs} AS starts,
      starts + ${7 * dayMs} AS ends FROM flights`),
  );
  expect(rows.length).toBeGreaterThan(expected.length * 1.5);
  expect(sorted([...last.values()])).toEqual(sorted(expected));
});

test('hopping windows, whose hop does not divide their size', () =>
  expectSame(
    'hopping',
    (airports) => airports.window(hopping('10h', { every: '4h', offset: '1h' })).aggregate(totals),
    totalsOf(`
      SELECT *, starts + ${10 * hourMs} AS ends FROM (
        SELECT *, unnest(range(
          (departs - ${hourMs}) // ${4 * hourMs} * ${4 * hourMs} + ${hourMs}, departs - ${10 * hourMs},
          ${-4 * hourMs})) AS starts
        FROM flights)`),
    5000,
  ));

test('cumulating windows', () =>
  expectSame(
    'cumulating',
    (airports) => airports.window(cumulating('1d', { every: '6h' })).aggregate(totals),
    totalsOf(`
      SELECT *, departs - departs % ${dayMs} AS starts, unnest(range(
        departs - departs % ${6 * hourMs} + ${6 * hourMs}, starts + ${dayMs} + 1, ${6 * hourMs})) AS ends
      FROM flights`),
    4000,
  ));

/** Clocks in Berlin went forward at 01:00 UTC on 2001-03-25. */
const berlin = (ms: string) =>
  `(${ms} + CASE WHEN ${ms} < ${Date.UTC(2001, 2, 25, 1)} THEN ${hourMs} ELSE ${2 * hourMs} END)`;
const utcOfMidnight = (ms: string) =>
  `(${ms} - CASE WHEN ${ms} <= ${Date.UTC(2001, 2, 25)} THEN ${hourMs} ELSE ${2 * hourMs} END)`;

test('days of a calendar, one of them with 23 hours', () =>
  expectSame(
    'days',
    (airports) => airports.window(calendar('day', { timeZone: 'Europe/Berlin' })).aggregate(totals),
    totalsOf(`
      SELECT *, ${utcOfMidnight('midnight')} AS starts,
        ${utcOfMidnight(`(midnight + ${dayMs})`)} AS ends
      FROM (SELECT *, ${berlin('departs')} - ${berlin('departs')} % ${dayMs} AS midnight FROM flights)`),
    3000,
  ));

test('months of a calendar', () =>
  expectSame(
    'months',
    (airports) => airports.window(calendar('month', { timeZone: 'UTC' })).aggregate(totals),
    totalsOf(`
      SELECT *, epoch_ms(date_trunc('month', make_timestamp_ms(departs))) AS starts,
        epoch_ms(date_trunc('month', make_timestamp_ms(departs)) + INTERVAL 1 MONTH) AS ends
      FROM flights`),
    300,
  ));

/** Islands between gaps; `gap` may be an expression. */
const sessions = (gap: string) => `
  SELECT *, min(departs) OVER island AS starts, max(departs + ${gap}) OVER island AS ends FROM (
    SELECT *, sum(begins::INT) OVER (PARTITION BY origin ORDER BY departs, n) AS session FROM (
      SELECT *, departs >= coalesce(max(departs + ${gap}) OVER (
        PARTITION BY origin ORDER BY departs, n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
        AS begins
      FROM flights))
  WINDOW island AS (PARTITION BY origin, session)`;

test.each([
  ['one gap', (airports: OfAirport) => airports.window(session('5h')), `${5 * hourMs}`],
  [
    'gaps by the record',
    (airports: OfAirport) =>
      airports.window(session({ gap: (f: Flight) => (f.distance > 1000 ? '12h' : '1h') })),
    `(CASE WHEN distance > 1000 THEN 12 ELSE 1 END * ${hourMs})`,
  ],
])('sessions with %s', (name, of, gap) =>
  expectSame(
    name.replaceAll(' ', '-'),
    (airports) => of(airports).aggregate(totals),
    totalsOf(sessions(gap)),
    1000,
  ),
);
