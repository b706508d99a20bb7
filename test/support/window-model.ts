/**
 * The naive model of windows that fire once: every record that was met, and for each the list of
 * its windows. Nothing is incremental, and no window is known before its records are.
 */
import { count, first, last, max, mean, min, share, sum } from '../../src/dsl/index.ts';
import type { OutputRecord, ScriptStep } from './operator-harness.ts';
import { compareKeys, historyOf, type Met } from './operator-harness-model.ts';
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
}

export interface Modelled {
  readonly results: readonly OutputRecord[];
  readonly late: readonly Reading[];
}

export function modelOf(script: readonly ScriptStep[], options: ModelOptions): Modelled {
  const { outOfOrdernessMs, windowsOf, sliceOf = () => 0 } = options;
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
    late: met.filter((record) => waiting(record).length === 0).map(({ value }) => value),
    results: results.toSorted(
      (a, b) =>
        a.timestamp - b.timestamp ||
        compareKeys(a.key, b.key) ||
        a.value.windowStart - b.value.windowStart,
    ),
  };
}
