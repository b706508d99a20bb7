/** The join of a stream and a table as it is now: the row of each key is kept. */
import type { ValueSpec } from '../../runtime/index.ts';
import type { TimedStepFunctions } from '../process.ts';
import { value } from '../state-specs.ts';
import { type AnyRow, setRow } from '../tables/change.ts';
import type { StreamOrTable, WithRow } from './stream-table.ts';

export function asOfNow<Value, Row extends AnyRow, Key, Out>(
  isLeft: boolean,
  combine: WithRow<Value, Row, Out>,
): TimedStepFunctions<StreamOrTable<Value, Row>, Key, { readonly row: ValueSpec<Row> }, Out> {
  return {
    state: { row: value<Row>() },
    isTimed: true,
    onRecord(record, { state, timestamp }) {
      if (record.side === 'right') {
        setRow(state.row, record.value.after);
        return [];
      }
      const row = state.row.get();
      if (row === undefined && !isLeft) return [];
      return [{ value: combine(record.value, row), timestamp }];
    },
  };
}
