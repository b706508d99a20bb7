/**
 * Tables of values: the row of a key is its last value as they come (`toTable`), or the latest one
 * by time (`latest`).
 */
import { MillraceError } from '../../platform/index.ts';
import type { ValueSpec } from '../../runtime/index.ts';
import type { StepFunctions } from '../process.ts';
import { ttlOf, value } from '../state-specs.ts';
import type { RunningOptions, StepOptions } from '../step-options.ts';
import { type AnyRow, type Change, changeOf, checkValue, setRow } from './change.ts';

/** `ttl`: a row that is not written for so long goes. */
export interface ToTableOptions<Row> extends RunningOptions {
  /** Which values say that the row of their key has gone. null always does. */
  readonly deleteWhen?: (value: Row) => boolean;
}

/** What `deleteWhen` narrows is no row. */
export interface DeleteWhen<Row, Deleted extends Row> extends ToTableOptions<Row> {
  readonly deleteWhen: (value: Row) => value is Deleted;
}

export const toTableOptions = ['name', 'ttl', 'deleteWhen'] as const;

export interface LatestOptions<Row> extends StepOptions {
  /** When a value is of, as a number; the greatest is the latest. Default: its event time. */
  readonly by?: (value: Row) => number;
}

type RowState<Row> = { readonly row: ValueSpec<Row> };

export function lastValues<Row extends AnyRow, Key>(
  options: ToTableOptions<Row>,
): StepFunctions<Row | null | undefined, Key, RowState<Row>, Change<Row>> {
  const { deleteWhen = () => false } = options;
  return {
    state: { row: { ...value<Row>(), ...ttlOf(options, 'toTable()') } },
    onRecord(given, { state }) {
      const before = state.row.get();
      const after = given === null || given === undefined || deleteWhen(given) ? undefined : given;
      setRow(state.row, after);
      return changeOf(before, after);
    },
    onExpire: (expired) => changeOf<Row>(expired.value, undefined),
  };
}

/** A value, and when it is of. */
interface Timed<Row> {
  readonly at: number;
  readonly row: Row;
}

export function latestValues<Row extends AnyRow, Key>({
  by,
}: LatestOptions<Row>): StepFunctions<
  Row | null | undefined,
  Key,
  RowState<Timed<Row>>,
  Change<Row>
> {
  return {
    state: { row: value<Timed<Row>>() },
    onRecord(given, { state, timestamp }) {
      const row = checkValue(given, 'latest()');
      const latest = state.row.get();
      const at = by === undefined ? timestamp : finiteTime(by(row));
      if (latest !== undefined && at < latest.at) return [];
      state.row.set({ at, row });
      return changeOf(latest?.row, row);
    },
  };
}

function finiteTime(at: number): number {
  if (Number.isFinite(at)) return at + 0; // -0 becomes 0
  throw new MillraceError(
    'USER_FUNCTION',
    `the function given to latest() returned ${String(at)}; it must return a finite number`,
  );
}
