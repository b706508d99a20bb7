/** Joins of two tables whose rows have the same keys: both rows of a key are kept. */
import type { ValueSpec } from '../../runtime/index.ts';
import { bothSides, type Sided } from '../joins/sides.ts';
import type { StepFunctions } from '../process.ts';
import { value } from '../state-specs.ts';
import type { KeyedStream } from '../stream.ts';
import { type AnyRow, type Change, changeOf, setRow } from './change.ts';

/** What two rows, or one of them, are together; undefined where they make no row. */
export type JoinedRow<Left, Right, Out> = (
  left: Left | undefined,
  right: Right | undefined,
) => Out | undefined;

/** What a join is called, and what it makes. */
export interface JoinStep<Left, Right, Out> {
  readonly label: string;
  readonly name: string | undefined;
  readonly combined: JoinedRow<Left, Right, Out>;
}

export function joinTables<Left extends AnyRow, Right extends AnyRow, Key, Out extends AnyRow>(
  left: KeyedStream<Change<Left>, Key>,
  right: KeyedStream<Change<Right>, Key>,
  { label, name, combined }: JoinStep<Left, Right, Out>,
): KeyedStream<Change<Out>, Key> {
  left.checkKeyedAlike(`${label}()`, right);
  return bothSides(left, right).addStep(label, name, joining(combined));
}

type Rows<Left, Right> = { readonly left: ValueSpec<Left>; readonly right: ValueSpec<Right> };

function joining<Left extends AnyRow, Right extends AnyRow, Key, Out extends AnyRow>(
  combined: JoinedRow<Left, Right, Out>,
): StepFunctions<Sided<Change<Left>, Change<Right>>, Key, Rows<Left, Right>, Change<Out>> {
  return {
    state: { left: value<Left>(), right: value<Right>() },
    onRecord({ side, value: change }, { state }) {
      const [left, right] = [state.left.get(), state.right.get()];
      const before = combined(left, right);
      if (side === 'left') {
        setRow(state.left, change.after);
        return changeOf(before, combined(change.after, right));
      }
      setRow(state.right, change.after);
      return changeOf(before, combined(left, change.after));
    },
  };
}
