/** A table of the last value of each key, as they come. */
import type { KeyContext, ProcessFunctions } from '../process.ts';
import { value } from '../state-specs.ts';
import { type AnyRow, type Change, changeOf } from './change.ts';

export function lastValues<Value, Key>(): ProcessFunctions<
  Value,
  Key,
  { readonly row: ReturnType<typeof value<NonNullable<Value>>> },
  Change<NonNullable<Value>>,
  never
> {
  type Row = NonNullable<Value> & AnyRow;
  return {
    state: { row: value<Row>() },
    onRecord(given, { state }: KeyContext<Key, { readonly row: ReturnType<typeof value<Row>> }>) {
      const before = state.row.get();
      const after = given ?? undefined;
      if (after === undefined) state.row.clear();
      else state.row.set(after);
      const change = changeOf<Row>(before, after);
      return change === undefined ? [] : [change];
    },
  };
}
