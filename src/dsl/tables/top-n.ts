/** topN over the records of each key: those that rank first, which never go again. */
import { checkChoice, MillraceError } from '../../platform/index.ts';
import type { ValueSpec } from '../../runtime/index.ts';
import { checkWhole } from '../aggregates/aggregate.ts';
import type { StepFunctions } from '../process.ts';
import { value } from '../state-specs.ts';
import type { StepOptions } from '../step-options.ts';
import { type AnyRow, type Change, changeOf, checkValue } from './change.ts';

export interface TopNOptions<Row> extends StepOptions {
  /** How many: 1 to 10,000. */
  readonly n: number;
  /** What they are ranked by: a finite number (else `USER_FUNCTION`). */
  readonly by: (row: Row) => number;
  /** Whether the greatest come first, which is the default, or the smallest. */
  readonly order?: 'descending' | 'ascending';
}

export const topNOptions = ['name', 'n', 'by', 'order'] as const;

/** Fails with `INVALID`. */
export function checkTopN({ n, order = 'descending' }: TopNOptions<never>): void {
  checkWhole('The n of topN()', n, 1, 10_000);
  checkChoice('order of topN()', order, ['descending', 'ascending']);
}

/** A number for each row; the smallest comes first. */
export function rankOf<Row>({ by, order = 'descending' }: TopNOptions<Row>): (row: Row) => number {
  const sign = order === 'descending' ? -1 : 1;
  return (row) => {
    const number = by(row);
    if (typeof number === 'number' && Number.isFinite(number)) return sign * number + 0; // no -0
    throw new MillraceError(
      'USER_FUNCTION',
      `the function given as by to topN() returned ${String(number)}; it must return a finite ` +
        'number',
    );
  };
}

interface Ranked<Row> {
  readonly rank: number;
  readonly row: Row;
}

/** Of rows with the same rank the one that came first stays first. */
export function topOfStream<Row extends AnyRow, Key>(
  options: TopNOptions<Row>,
): StepFunctions<
  Row | null | undefined,
  Key,
  { readonly top: ValueSpec<readonly Ranked<Row>[]> },
  Change<readonly Row[]>
> {
  const { n } = options;
  const rank = rankOf(options);
  return {
    state: { top: value<readonly Ranked<Row>[]>() },
    onRecord(given, { state }) {
      const row = checkValue(given, 'topN()');
      const top = state.top.get() ?? [];
      const entry = { rank: rank(row), row };
      const behind = top.findIndex((other) => other.rank > entry.rank);
      const place = behind === -1 ? top.length : behind;
      if (place >= n) return [];
      const next = top.toSpliced(place, 0, entry).slice(0, n);
      state.top.set(next);
      return changeOf(rowsOf(top), rowsOf(next));
    },
  };
}

/** Undefined: there are none. */
export function rowsOf<Row>(top: readonly { readonly row: Row }[]): readonly Row[] | undefined {
  return top.length === 0 ? undefined : top.map(({ row }) => row);
}
