/**
 * Aggregates against SQL, over windows of flights and as running results. Each row must be equal;
 * sketches must be within the error that they promise, of what SQL says exactly.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  approximateCountDistinct,
  argMax,
  argMin,
  count,
  countDistinct,
  earliest,
  histogram,
  latest,
  max,
  mean,
  min,
  quantile,
  standardDeviation,
  sum,
  topK,
  tumbling,
  variance,
} from '../../src/dsl/index.ts';
import { answersOf, type Flight, openDuckDb, type Row, sorted } from './flights.ts';

let ask: Awaited<ReturnType<typeof openDuckDb>>;

beforeAll(async () => {
  ask = await openDuckDb();
});

const weekMs = 7 * 24 * 3_600_000;
const week = `departs - departs % ${weekMs} AS "windowStart", departs - departs % ${weekMs} + ${weekMs} AS "windowEnd"`;
const delay = (flight: Flight) => flight.delay;

/** What SQL makes of each airport and week, as it is asked for its `columns`. */
const byWeek = (columns: string) => `
  SELECT origin AS key, "windowStart", "windowEnd", ${columns}
  FROM (SELECT *, ${week} FROM flights) GROUP BY origin, "windowStart", "windowEnd"`;

test('first and last by time, smallest and largest by a number', async () => {
  const rows = await answersOf('extremes', (airports) =>
    airports.window(tumbling('7d')).aggregate({
      least: min(delay),
      worst: argMax(delay, (f) => f.n),
      best: argMin(delay, (f) => f.n),
      opened: earliest((f) => f.n),
      closed: latest((f) => f.n),
      top: topK(
        (f) => f.distance * 10_000 + f.n,
        3,
        (f) => f.n,
      ),
    }),
  );
  const expected = await ask(
    byWeek(`min(delay) AS least,
      first(n ORDER BY delay DESC, departs, n) AS worst, first(n ORDER BY delay, departs, n) AS best,
      first(n ORDER BY departs, n) AS opened, first(n ORDER BY departs DESC, n DESC) AS closed,
      list(n ORDER BY distance DESC, n DESC)[1:3] AS top`),
  );
  expect(expected.length).toBeGreaterThan(1000);
  expect(sorted(rows)).toEqual(sorted(expected));
});

test('distinct values and histograms', async () => {
  const rows = await answersOf('distinct', (airports) =>
    airports.window(tumbling('7d')).aggregate({
      destinations: countDistinct((f) => f.destination),
      about: approximateCountDistinct((f) => f.destination),
      delays: histogram(delay, [0, 15, 60]),
    }),
  );
  const expected = await ask(
    byWeek(`count(DISTINCT destination) AS destinations,
      count(DISTINCT destination) AS about,
      {'below': count(*) FILTER (delay < 0), 'counts': [
        count(*) FILTER (delay >= 0 AND delay < 15), count(*) FILTER (delay >= 15 AND delay < 60)
      ], 'above': count(*) FILTER (delay >= 60)} AS delays`),
  );
  expect(sorted(rows)).toEqual(sorted(expected)); // of few the sketch is exact
});

describe('what has no exact digits', () => {
  const keyOf = (row: Row) => `${row.key} ${row.windowStart}`;

  /** Pairs of a job's row and that of SQL. */
  function paired(rows: readonly Row[], expected: readonly Row[]): [Row, Row][] {
    const found = new Map(expected.map((row) => [keyOf(row), row]));
    expect(new Set(rows.map(keyOf))).toEqual(new Set(found.keys()));
    expect(rows.length).toBe(expected.length);
    return rows.map((row) => [row, found.get(keyOf(row)) ?? {}]);
  }

  test('means, variances and deviations', async () => {
    const rows = await answersOf('moments', (airports) =>
      airports.window(tumbling('7d')).aggregate({
        mean: mean(delay),
        variance: variance(delay),
        sample: variance(delay, { sample: true }),
        deviation: standardDeviation(delay, { sample: true }),
      }),
    );
    const expected = await ask(
      byWeek(`avg(delay) AS mean, var_pop(delay) AS variance, var_samp(delay) AS sample,
        stddev_samp(delay) AS deviation`),
    );
    for (const [row, right] of paired(rows, expected)) {
      for (const name of ['mean', 'variance', 'sample', 'deviation']) {
        if (right[name] === null) expect(row[name], keyOf(row)).toBeNull();
        else expect(row[name], `${keyOf(row)} ${name}`).toBeCloseTo(Number(right[name]), 8);
      }
    }
  });

  test('quantiles within one per cent of the value at their rank', async () => {
    const quantiles = [0, 0.1, 0.5, 0.95, 1] as const;
    const rows = await answersOf('quantiles', (airports) =>
      airports.window(tumbling('28d')).aggregate({ delays: quantile(delay, quantiles) }),
    );
    const month = byWeek('list(delay ORDER BY delay) AS sorted').replaceAll(
      `${weekMs}`,
      `${4 * weekMs}`,
    );
    const ranks = quantiles.map((q) => `sorted[1 + floor(${q} * (len(sorted) - 1))::INT]`);
    const expected = await ask(
      `SELECT key, "windowStart", "windowEnd", [${ranks.join(', ')}] AS delays FROM (${month})`,
    );
    for (const [row, right] of paired(rows, expected)) {
      const exact = right.delays as number[]; // as asked for
      for (const [i, value] of (row.delays as number[]).entries()) {
        const error = Math.abs(value - (exact[i] ?? Number.NaN));
        expect(error, `${keyOf(row)} ${quantiles[i]}`).toBeLessThanOrEqual(
          Math.abs(exact[i] ?? 0) * 0.01 * (1 + 1e-9),
        );
      }
    }
  });

  test('distinct values of many', async () => {
    const [row] = await answersOf('many', (airports) =>
      airports
        .keyBy(() => 'all')
        .window(tumbling('3650d'))
        .aggregate({ pairs: approximateCountDistinct((f) => [f.origin, f.destination]) }),
    );
    const [right] = await ask('SELECT count(DISTINCT (origin, destination)) AS pairs FROM flights');
    const exact = Number(right?.pairs);
    expect(exact).toBeGreaterThan(1000);
    expect(Math.abs(Number(row?.pairs) / exact - 1)).toBeLessThan(0.03); // three times the error
  });
});

test('running results, one for each record in the order of arrival', async () => {
  const rows = await answersOf('running', (airports) =>
    airports.aggregate({ n: count(), total: sum(delay), worst: max(delay) }),
  );
  const expected = await ask(`
    SELECT origin AS key, count(*) OVER so_far AS n, (sum(delay) OVER so_far)::BIGINT AS total,
      max(delay) OVER so_far AS worst
    FROM flights WINDOW so_far AS (PARTITION BY origin ORDER BY n) ORDER BY flights.n`);
  expect(rows).toEqual(expected);
});
