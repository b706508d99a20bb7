/**
 * The step in the middle of a foreign-key join: for each key of the right table its row, and the
 * rows of the left table that name it. It says of each of them what it comes to.
 *
 * When the row changes, all that name it get another half: so many at a time, for there may be very
 * many.
 */
import type { Codec } from '../../formats/index.ts';
import { unreachable } from '../../platform/index.ts';
import type { MapSpec, ValueSpec } from '../../runtime/index.ts';
import type { StepContext, StepFunctions } from '../process.ts';
import { map, value } from '../state-specs.ts';
import { type AnyRow, type Change, setRow } from './change.ts';
import { type Answer, rowIn } from './foreign-key-results.ts';
import type { JoinedRow } from './join.ts';

/** How many rows are joined anew at once: a task looks at the clock after 32 slices. */
const sliceRows = 64;

/** What is told to a key of the right table about a row of the left one. */
export type Naming<Left, Key, OtherKey> = { readonly to: OtherKey; readonly key: Key } & (
  | { readonly kind: 'named'; readonly row: Left }
  | { readonly kind: 'left' } // it names another key now, or none, or is gone
);

/** What a key of the right table is told. */
export type Told<Left, Right extends AnyRow, Key, OtherKey> =
  | Naming<Left, Key, OtherKey>
  | { readonly kind: 'other half'; readonly change: Change<Right> };

type NamedState<Left, Right, Key> = {
  readonly row: ValueSpec<Right>;
  /** The rows that name it. */
  readonly named: MapSpec<Key, Left>;
  /** The last of them that was joined anew, while others are still to be. */
  readonly joined: ValueSpec<Key>;
};

export function joiningNamed<Left, Right extends AnyRow, Key, OtherKey, Out>(
  leftCodec: Codec<Key>,
  combined: JoinedRow<Left, Right, Out>,
): StepFunctions<
  Told<Left, Right, Key, OtherKey>,
  OtherKey,
  NamedState<Left, Right, Key>,
  Answer<Key, OtherKey, Out>
> {
  type Context = StepContext<OtherKey, NamedState<Left, Right, Key>>;
  /** The next rows behind `after`; undefined: the first ones. */
  const slice = ({ key: by, state, goOn }: Context, after: Key | undefined) => {
    const right = state.row.get();
    const answers: Answer<Key, OtherKey, Out>[] = [];
    for (const [key, row] of state.named.entries(after === undefined ? {} : { after })) {
      answers.push({ kind: 'joined', by, key, ...rowIn(combined(row, right)) });
      if (answers.length < sliceRows) continue;
      state.joined.set(key);
      goOn();
      return answers;
    }
    state.joined.clear();
    return answers;
  };
  return {
    state: {
      row: value<Right>(),
      named: map<Key, Left>({ key: leftCodec }),
      joined: value<Key>(leftCodec),
    },
    onRecord(told, context) {
      const { key: by, state } = context;
      switch (told.kind) {
        case 'named': {
          const kind = state.named.has(told.key) ? 'joined' : 'came';
          state.named.set(told.key, told.row);
          return [{ kind, by, key: told.key, ...rowIn(combined(told.row, state.row.get())) }];
        }
        case 'left':
          state.named.delete(told.key);
          return [{ kind: 'left', by, key: told.key }];
        case 'other half':
          setRow(state.row, told.change.after);
          return slice(context, undefined); // from the first on, also where a slice is under way
        default:
          return unreachable(told);
      }
    },
    onSlice(context) {
      const after = context.state.joined.get();
      return after === undefined ? [] : slice(context, after);
    },
  };
}
