/**
 * Tables of streams, and deduplicate, against naive ones that look through the whole history:
 *
 *   - toTable: the last value of each key, until its time-to-live is over
 *   - latest: the value with the latest time, of equal ones the last
 *   - topN: the first of all values, sorted
 *   - deduplicate: no record within a time of one that was let through; late ones are told apart
 *
 * In every mode, change for change.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Change, job, type Table, topic } from '../../../src/dsl/index.ts';
import { json, keyJson, string } from '../../../src/formats/index.ts';
import { type Outputs, type ScriptStep, sameInEveryMode } from '../../support/operator-harness.ts';
import { historyOf, type Met } from '../../support/operator-harness-model.ts';
import {
  byReading,
  type Reading,
  readingScripts,
  readings,
  scriptsTried,
  someModes,
} from '../../support/operator-harness-scripts.ts';

const ttl = 15;
const within = 10;
const outOfOrderness = 8;
const own = { key: string(), value: json<Reading>() };
const first = topic('first', own);
const late = topic('late', own);
const firstOfKey = topic('first-of-key', { ...own, key: keyJson<string>() });

const changesOf = <Row extends NonNullable<unknown>>(name: string, table: Table<Row, string>) => {
  table.toStream().to(topic(name, { key: keyJson<string>(), value: json<Change<Row>>() }));
};

const streams = job('streams', ({ from }) => {
  const all = from(readings, { ...byReading, outOfOrderness });
  const byKey = all.keyBy((r) => r.key);
  changesOf('last', byKey.toTable({ deleteWhen: (r) => r.n === 0 }));
  changesOf('ageing', byKey.toTable({ ttl, name: 'ageing' }));
  changesOf('latest', byKey.latest());
  changesOf('greatest', byKey.latest({ by: (r) => r.n, name: 'greatest' }));
  changesOf('top', byKey.topN({ n: 2, by: (r) => r.n }));
  changesOf('lowest', byKey.topN({ n: 3, by: (r) => r.n, order: 'ascending', name: 'lowest' }));
  const once = all.deduplicate({ by: (r) => [r.n % 3], within });
  once.to(first);
  once.late.to(late);
  byKey.deduplicate({ by: (r) => [r.key, r.n % 3], within, name: 'of-key' }).to(firstOfKey);
});

/** Keys of records that are not those of their values, or none. */
const scripts = readingScripts({ partitions: 2, timeMax: 60 }).chain((script) =>
  fc.array(fc.constantFrom('x', 'y', null), { minLength: 1, maxLength: 5 }).map((keys) =>
    script.map((step): ScriptStep => {
      if (!('records' in step)) return step;
      return { records: step.records.map((r, i) => ({ ...r, key: keys[i % keys.length] })) };
    }),
  ),
);

type Met1 = Met<Reading>;

test('tables of streams, and deduplicate, give what naive ones give', async () => {
  await fc.assert(
    fc.asyncProperty(scripts, someModes, async (script, modes) => {
      const outputs = await sameInEveryMode(streams, script, { modes, partitions: 2 });
      const { met, watermark } = historyOf<Reading>(script, outOfOrderness);
      const ofKey = Map.groupBy(met, ({ value }) => value.key);
      const expectRows = (name: string, rowsOf: (of: readonly Met1[]) => unknown[]) => {
        for (const [key, of] of ofKey) {
          expect(valuesOfKey(outputs, name, key), `${name} of ${key}`).toEqual(changes(rowsOf(of)));
        }
      };
      expectRows('last', (of) => of.map(({ value }) => (value.n === 0 ? undefined : value)));
      expectRows('ageing', (of) => ageing(of, met, watermark));
      expectRows('latest', (of) => sofar(of, (values) => best(values, (r) => r.at)));
      expectRows('greatest', (of) => sofar(of, (values) => best(values, (r) => r.n)));
      expectRows('top', (of) => sofar(of, (values) => sorted(values, -1).slice(0, 2)));
      expectRows('lowest', (of) => sofar(of, (values) => sorted(values, 1).slice(0, 3)));
      const [throughAll, tooLate] = deduplicated(met, (r) => r.n % 3);
      expect(all(outputs, 'first')).toEqual(texts(throughAll));
      expect(all(outputs, 'late')).toEqual(texts(tooLate));
      const [through] = deduplicated(met, (r) => `${r.key} ${r.n % 3}`);
      expect(all(outputs, 'first-of-key')).toEqual(texts(through));
    }),
    { numRuns: scriptsTried(8) },
  );
});

/** What leads from each row to the next one, from none on. */
function changes(rows: readonly unknown[]): unknown[] {
  return rows.flatMap((after, i) => {
    const before = rows[i - 1];
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    return [
      { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) },
    ];
  });
}

/** What the values up to each one come to. */
function sofar(of: readonly Met1[], row: (values: readonly Reading[]) => unknown): unknown[] {
  return of.map((_, i) => row(of.slice(0, i + 1).map(({ value }) => value)));
}

/** The last one of those with the greatest. */
function best(values: readonly Reading[], by: (r: Reading) => number): Reading | undefined {
  const greatest = Math.max(...values.map(by));
  return values.findLast((value) => by(value) === greatest);
}

function sorted(values: readonly Reading[], sign: 1 | -1): Reading[] {
  return values.toSorted((a, b) => sign * (a.n - b.n)); // stable
}

/** Its value after each record of any key, and at the end. */
function ageing(of: readonly Met1[], met: readonly Met1[], end: number): unknown[] {
  let row: Reading | undefined;
  let ends = Number.POSITIVE_INFINITY;
  const rows: unknown[] = [];
  for (const record of [...met, undefined]) {
    if ((record?.watermark ?? end) >= ends) {
      row = undefined;
      ends = Number.POSITIVE_INFINITY;
    }
    rows.push(row);
    if (record === undefined || !of.includes(record)) continue;
    const written = Math.max(record.at, record.watermark) + ttl;
    ends = row === undefined ? written : Math.max(ends, written);
    row = record.value;
    rows.push(row);
  }
  return rows;
}

function deduplicated(
  met: readonly Met1[],
  by: (reading: Reading) => unknown,
): readonly [through: Reading[], late: Reading[]] {
  const through: Reading[] = [];
  const tooLate: Reading[] = [];
  for (const { value, at, watermark } of met) {
    const isNear = (other: Reading) => by(other) === by(value) && Math.abs(other.at - at) < within;
    if (at <= watermark - within) tooLate.push(value);
    else if (!through.some(isNear)) through.push(value);
  }
  return [through, tooLate];
}

function valuesOfKey(outputs: Outputs, name: string, key: string): unknown[] {
  return Object.entries(outputs).flatMap(([of, records]) =>
    of.startsWith(`${name}/`) ? records.filter((r) => r.key === key).map((r) => r.value) : [],
  );
}

/** In no order, since keys lie in several partitions. */
function all(outputs: Outputs, name: string): string[] {
  const records = Object.entries(outputs).flatMap(([of, records]) =>
    of.startsWith(`${name}/`) ? records : [],
  );
  return texts(records.map(({ value }) => value));
}

function texts(values: readonly unknown[]): string[] {
  return values.map((value) => JSON.stringify(value)).sort();
}
