/**
 * Joins of a stream and a table against naive ones that look through the whole history:
 *
 *   - as of now: each record gets the row that its key had when it was met
 *   - as of the event's time: each record gets the row after the last change up to its time, of
 *     those that had been met when the watermark reached it; a late one of those met before it.
 *     Records and changes that are later than the grace are told apart
 *
 * In every mode, record for record.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { job, topic, type WindowResults } from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
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

const outOfOrderness = 6;
const graces = [0, 15] as const;
const record = (value: Reading, row: Reading | undefined) => ({ of: value, row: row ?? null });
const isLeft = (r: Reading) => r.n > 0;

const jobs = graces.map((grace) =>
  job('lookups', ({ from }) => {
    const all = from(readings, { ...byReading, outOfOrderness });
    const left = all.filter(isLeft).keyBy((r) => r.key);
    const rows = all.filter((r) => !isLeft(r)).keyBy((r) => r.key);
    const both = left.connect(rows.toTable({ deleteWhen: (r) => r.n === 0 }));
    const write = <Late>(name: string, joined: WindowResults<object, string, Late>) => {
      joined.to(topic(name, { key: keyJson<string>(), value: json<object>() }));
    };
    write('now', both.asOfNow().join(record));
    write('now-left', both.asOfNow().leftJoin(record));
    const then = both.asOfEventTime({ grace });
    write('then', then.join(record));
    const thenLeft = then.leftJoin(record);
    write('then-left', thenLeft);
    const late = thenLeft.late.map((of): object => of);
    late.to(topic('late', { key: keyJson<string>(), value: json<object>() }));
  }),
);

/** Few numbers, so that rows often go. */
const scripts = readingScripts({ partitions: 2, timeMax: 50, recordsMax: 20 }).map((script) =>
  script.map((step): ScriptStep => {
    if (!('records' in step)) return step;
    const records = step.records.map((r) => {
      const value = r.value as Reading; // as generated
      return { ...r, value: { ...value, n: (value.n % 3) + 0 } };
    });
    return { records };
  }),
);

test.each(graces.map((grace, i) => ({ grace, lookups: jobs[i] })))(
  'records get the rows of now and of then, with a grace of $grace',
  async ({ grace, lookups }) => {
    await fc.assert(
      fc.asyncProperty(scripts, someModes, async (script, modes) => {
        if (lookups === undefined) throw new Error('a job for each grace');
        const outputs = await sameInEveryMode(lookups, script, { modes, partitions: 2 });
        const { met } = historyOf<Reading>(script, outOfOrderness);
        const changes = changesOf(met);
        const lefts = met.flatMap((of, i) => (isLeft(of.value) ? [{ ...of, i }] : []));
        const now = lefts.map((of) => {
          const row = changes.findLast((c) => c.key === of.value.key && c.i < of.i)?.row;
          return note(of, row);
        });
        expectBoth(outputs, 'now', now);
        const inTime = lefts.filter((of) => of.at > of.watermark - grace);
        const then = inTime.map((of) => {
          const reached = met.findIndex(({ watermark }) => watermark >= of.at);
          const until = of.at <= of.watermark ? of.i : reached === -1 ? met.length : reached;
          const known = changes.filter((c) => {
            const isInTime = c.at > c.watermark - grace;
            return isInTime && c.key === of.value.key && c.at <= of.at && c.i < until;
          });
          return note(of, known.toSorted((a, b) => a.at - b.at || a.i - b.i).at(-1)?.row);
        });
        expectBoth(outputs, 'then', then);
        const late = [
          ...lefts
            .filter((of) => !inTime.includes(of))
            .map(({ value, at }) => [{ side: 'left', value }, at]),
          ...changes
            .filter((c) => c.at <= c.watermark - grace)
            .map(({ change, at }) => [{ side: 'right', value: change }, at]),
        ];
        expect(texts(outputs, 'late')).toEqual(late.map((of) => JSON.stringify(of)).sort());
      }),
      { numRuns: scriptsTried(8) },
    );
  },
);

interface Version {
  readonly i: number;
  readonly at: number;
  readonly key: string;
  readonly watermark: number;
  readonly row: Reading | undefined;
  readonly change: object;
}

/** A row that goes where there is none is no change. */
function changesOf(met: readonly Met<Reading>[]): Version[] {
  const rows = new Map<string, Reading | undefined>();
  return met.flatMap(({ value, at, watermark }, i): Version[] => {
    if (isLeft(value)) return [];
    const before = rows.get(value.key);
    const row = value.n === 0 ? undefined : value;
    rows.set(value.key, row);
    if (JSON.stringify(before) === JSON.stringify(row)) return [];
    const change = before === undefined ? { after: row } : { before, after: row };
    return [{ i, at, watermark, key: value.key, row, change }];
  });
}

function note({ value, at }: Met<Reading>, row: Reading | undefined): string {
  return JSON.stringify([record(value, row), at]);
}

/** The inner join has those with a row. */
function expectBoth(outputs: Outputs, name: string, all: readonly string[]): void {
  expect(texts(outputs, `${name}-left`), `${name}-left`).toEqual(all.toSorted());
  const withRow = all.filter((text) => JSON.parse(text)[0].row !== null);
  expect(texts(outputs, name), name).toEqual(withRow.toSorted());
}

/** In no order, since keys lie in several partitions. */
function texts(outputs: Outputs, name: string): string[] {
  const records = Object.entries(outputs).flatMap(([of, records]) =>
    of.startsWith(`${name}/`) ? records : [],
  );
  return records.map(({ value, timestamp }) => JSON.stringify([value, timestamp])).sort();
}
