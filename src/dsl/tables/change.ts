/**
 * The one changelog model: what happened to the row of a key.
 *
 *   { after }          the row has come
 *   { before, after }  it is another one now
 *   { before }         it has gone
 *
 * A table is a stream of these, keyed by the key of its rows. The changes of a key follow one
 * another without a gap: `before` is what the one before it left. `before` and `after` differ.
 */

/** What a row can be: anything but null and undefined, which mean that there is none. */
export type AnyRow = NonNullable<unknown>;

/** What happened to the row of a key. */
export type Change<Row extends AnyRow> =
  | { readonly before?: never; readonly after: Row }
  | { readonly before: Row; readonly after: Row }
  | { readonly before: Row; readonly after?: never };

/** The change that leads from one row to another; undefined where neither is there. */
export function changeOf<Row extends AnyRow>(
  before: Row | undefined,
  after: Row | undefined,
): Change<Row> | undefined {
  if (before === undefined) return after === undefined ? undefined : { after };
  return after === undefined ? { before } : { before, after };
}
