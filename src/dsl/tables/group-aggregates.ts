/** Aggregates over the rows that are in a group now: those that come are added, others removed. */
import { MillraceError } from '../../platform/index.ts';
import type { ValueSpec } from '../../runtime/index.ts';
import { accumulatorCodec } from '../aggregates/aggregate.ts';
import { composite } from '../aggregates/composite.ts';
import { type RetractableAggregates, retractingOf } from '../aggregates/retracting.ts';
import type { StepFunctions } from '../process.ts';
import { type AnyRow, type Change, changeOf, setRow } from './change.ts';
import type { GroupChange } from './grouped-table.ts';

/** How many rows are in the group, and the accumulators by name. */
interface GroupState {
  readonly rows: number;
  readonly of: unknown;
}

export function groupAggregates<Row extends AnyRow, Group extends AnyRow, Results extends AnyRow>(
  fields: RetractableAggregates<Row>,
): StepFunctions<
  GroupChange<Row, Group>,
  Group,
  { readonly group: ValueSpec<GroupState> },
  Change<Results>
> {
  const where = 'aggregate() of a grouped table';
  const { name } = composite(fields, where, []);
  const { create, add, remove, result } = retractingOf(fields, where);
  const resultsOf = ({ rows, of }: GroupState) =>
    rows === 0 ? undefined : (result(of) as Results); // by the names of the fields
  const codec = accumulatorCodec as ValueSpec<GroupState>['codec']; // what the two below make
  return {
    state: { group: { kind: 'value', codec, shape: `group ${name}`, changedInPlace: true } },
    onRecord({ before, after }, { state }) {
      const group = state.group.get() ?? { rows: 0, of: create() };
      const resultsBefore = resultsOf(group);
      let { rows, of } = group;
      if (after !== undefined) [rows, of] = [rows + 1, add(of, after)];
      if (before !== undefined) [rows, of] = [rows - 1, remove(of, before)];
      if (rows < 0) throw notInGroup();
      setRow(state.group, rows === 0 ? undefined : { rows, of });
      return changeOf(resultsBefore, resultsOf({ rows, of }));
    },
  };
}

function notInGroup(): MillraceError {
  return new MillraceError(
    'USER_FUNCTION',
    'a row leaves a group that it is not in: what map(), filter() and groupBy() of a table are ' +
      'given must depend on the row alone. If one of them was changed, name the steps behind it ' +
      'anew, so that they begin with new state',
  );
}
