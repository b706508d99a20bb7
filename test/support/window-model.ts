/**
 * The naive model of windows that fire once: every record that was met, and for each the list of
 * its windows. Nothing is incremental, and no window is known before its records are.
 */
import { count, first, last, max, mean, min, share, sum } from '../../src/dsl/index.ts';
import type { OutputRecord, ScriptStep } from './operator-harness.ts';
import { compareKeys, compareKeysOfPlaces, historyOf, type Met } from './operator-harness-model.ts';
import type { Reading } from './operator-harness-scripts.ts';

export interface Bounds {
  readonly start: number;
  readonly end: number;
}

/** One aggregate of each kind. */
export const everyAggregate = {
  count: count(),
  sum: sum((r: Reading) => r.n),
  min: min((r: Reading) => r.n),
  max: max((r: Reading) => r.n),
  mean: mean((r: Reading) => r.n),
  share: share((r: Reading) => r.n > 0),
  last: last((r: Reading) => r.n),
  first: first((r: Reading) => ({ n: r.n })),
};

/**
 * What `everyAggregate` makes of all records of a window at once. `slices` are those records in the
 * order in which accumulators are merged: of slices, the earlier one comes first.
 */
export function resultOf(values: readonly Reading[], merged: readonly Reading[] = values): object {
  const ns = values.map((r) => r.n);
  const total = ns.reduce((a, b) => a + b, 0);
  return {
    count: ns.length,
    sum: total,
    min: Math.min(...ns),
    max: Math.max(...ns),
    mean: total / ns.length,
    share: ns.filter((n) => n > 0).length / ns.length,
    last: merged.at(-1)?.n,
    first: { n: merged[0]?.n },
  };
}

export interface ModelOptions {
  readonly outOfOrdernessMs: number;
  windowsOf(record: Reading): readonly Bounds[];
  /** The piece of a window that is kept by itself; pieces are merged in their order. */
  sliceOf?(record: Reading): number;
  readonly compareKeys?: typeof compareKeys;
}

export interface Modelled {
  readonly results: readonly OutputRecord[];
  readonly late: readonly Reading[];
}

export function modelOf(script: readonly ScriptStep[], options: ModelOptions): Modelled {
  const { outOfOrdernessMs, windowsOf, sliceOf = () => 0 } = options;
  const compare = options.compareKeys ?? compareKeys;
  const { met } = historyOf<Reading>(script, outOfOrdernessMs);
  const waiting = ({ value, watermark }: Met<Reading>) =>
    windowsOf(value).filter(({ end }) => end - 1 > watermark);
  const counted = met.flatMap((record) =>
    waiting(record).map((window) => ({ value: record.value, window })),
  );
  const groups = Object.values(
    Object.groupBy(counted, ({ window, value }) => `${window.start} ${window.end} ${value.key}`),
  );
  const results = groups.flatMap((group = []) => {
    const [any] = group;
    if (any === undefined) return [];
    const values = group.map(({ value }) => value);
    const merged = values.toSorted((a, b) => sliceOf(a) - sliceOf(b)); // stable
    const { start: windowStart, end: windowEnd } = any.window;
    const value = { ...resultOf(values, merged), windowStart, windowEnd };
    return [{ key: any.value.key, value, timestamp: windowEnd - 1, headers: [] }];
  });
  return {
    late: met
      .filter((record) => waiting(record).length === 0 && windowsOf(record.value).length > 0)
      .map(({ value }) => value),
    results: results.toSorted(
      (a, b) => a.timestamp - b.timestamp || compare(a.key, b.key) || compareWindows(a, b),
    ),
  };
}

export interface SessionModelOptions {
  readonly outOfOrdernessMs: number;
  gapOf(record: Reading): number;
}

/** Sessions as lists of records, whose bounds are found anew whenever they are asked for. */
export function sessionModelOf(
  script: readonly ScriptStep[],
  { outOfOrdernessMs, gapOf }: SessionModelOptions,
): Modelled {
  const history = historyOf<Reading>(script, outOfOrdernessMs);
  const boundsOf = (records: readonly Reading[]): Bounds => ({
    start: Math.min(...records.map(({ at }) => at)),
    end: Math.max(...records.map((record) => record.at + gapOf(record))),
  });
  let sessions: (readonly Reading[])[] = [];
  const late: Reading[] = [];
  for (const { value, watermark } of history.met) {
    const alone = boundsOf([value]);
    const met = sessions.filter((session) => {
      const { start, end } = boundsOf(session);
      const isOpen = end - 1 > watermark && session[0]?.key === value.key;
      return isOpen && start < alone.end && alone.start < end;
    });
    if (met.length === 0 && alone.end - 1 <= watermark) {
      late.push(value);
      continue;
    }
    met.sort((a, b) => boundsOf(a).start - boundsOf(b).start);
    sessions = [...sessions.filter((session) => !met.includes(session)), [...met.flat(), value]];
  }
  const results = sessions.map((session) => {
    const { start: windowStart, end: windowEnd } = boundsOf(session);
    const value = { ...resultOf(session), windowStart, windowEnd };
    return { key: session[0]?.key, value, timestamp: windowEnd - 1, headers: [] };
  });
  return {
    late,
    results: results.toSorted(
      (a, b) => a.timestamp - b.timestamp || compareKeysOfPlaces(a.key, b.key),
    ),
  };
}

/** Windows of a key that end together leave in the order of their text, as state has it. */
function compareWindows(a: OutputRecord, b: OutputRecord): number {
  const [left, right] = [a, b].map(({ value }) => {
    const { windowStart, windowEnd } = value as { windowStart: number; windowEnd: number }; // results
    return `[${windowStart},${windowEnd}]`;
  }) as [string, string]; // two
  return left < right ? -1 : left > right ? 1 : 0;
}
