/**
 * The one changelog model: what happened to the row of a key.
 *
 *   { after }          the row has come
 *   { before, after }  it is another one now
 *   { before }         it has gone
 *
 * A table is a stream of these, keyed by the key of its rows. The changes of a key follow one
 * another without a gap: `before` is what the one before it left. They differ: where a step would
 * put a row in the place of an equal one, there is no change.
 */
import { MillraceError } from '../../platform/index.ts';
import type { ValueState } from '../../runtime/index.ts';
import { isSameRow } from './equality.ts';

/** What a row can be: anything but null and undefined, which mean that there is none. */
export type AnyRow = NonNullable<unknown>;

/** What happened to the row of a key. */
export type Change<Row extends AnyRow> =
  | { readonly before?: never; readonly after: Row }
  | { readonly before: Row; readonly after: Row }
  | { readonly before: Row; readonly after?: never };

/** The change that leads from one row to another, if there is one; undefined is no row. */
export function changeOf<Row extends AnyRow>(
  before: Row | undefined,
  after: Row | undefined,
): readonly [Change<Row>] | readonly [] {
  if (before === undefined) return after === undefined ? [] : [{ after }];
  if (after === undefined) return [{ before }];
  return isSameRow(before, after) ? [] : [{ before, after }];
}

/** Keeps a row; undefined: none. */
export function setRow<Row>(
  state: Pick<ValueState<Row>, 'set' | 'clear'>,
  row: Row | undefined,
): void {
  if (row === undefined) state.clear();
  else state.set(row);
}

/** Fails with `USER_FUNCTION` for what is neither a row nor a group; `call` returned it. */
export function checkRow<Row extends AnyRow>(row: Row, call: string): Row {
  if (row !== null && row !== undefined) return row;
  throw new MillraceError(
    'USER_FUNCTION',
    `the function given to ${call} returned ${String(row)}. Leave rows out with filter()`,
  );
}

/** Fails with `USER_FUNCTION` for null, where a step has no rows that go. */
export function checkValue<Row extends AnyRow>(value: Row | null | undefined, call: string): Row {
  if (value !== null && value !== undefined) return value;
  throw new MillraceError(
    'USER_FUNCTION',
    `${call} of a stream takes no null, because nothing goes from it again. Call toTable() ` +
      'first, or filter()',
  );
}
