/**
 * Joins of two tables where each row of the left one names the key of a row of the right one: an
 * order and its customer.
 *
 *   left  ──> what it names ──> rows and their other half, ──> what became of ──> changes
 *             (by left key)     by the key that is named       each, by left key
 *                                     ^
 *   right ────────────────────────────┘
 *
 * The step in the middle keeps, for each key of the right table, its row and the rows of the left
 * table that name it. When the row changes all of them get another half: so many at a time, for
 * there may be very many. The last step keeps the joined rows, and so knows what each was before.
 *
 * A row that comes to name another key is told to the new key first, and then taken away from the
 * old one, which says nothing: so it is one change, and not a row that goes and comes again. That,
 * and that nothing old overtakes anything newer, relies on records keeping their order between the
 * steps, as they do within a task.
 */
import type { Codec } from '../../formats/index.ts';
import { unreachable } from '../../platform/index.ts';
import type { MapSpec, ValueSpec } from '../../runtime/index.ts';
import type { StepContext, StepFunctions } from '../process.ts';
import { map, value } from '../state-specs.ts';
import type { StepOptions } from '../step-options.ts';
import type { KeyedStream } from '../stream.ts';
import { type AnyRow, type Change, changeOf, setRow } from './change.ts';
import { isSameKey } from './equality.ts';
import type { JoinedRow, JoinStep } from './join.ts';

export interface ForeignKeyOptions<Row, OtherKey> extends StepOptions {
  /**
   * The key of the row in the other table that a row goes with; null or undefined where it goes
   * with none. It must depend on the row alone.
   */
  readonly foreignKey: (row: Row) => OtherKey | null | undefined;
}

/** How many rows are joined anew at once: a task looks at the clock after 32 slices. */
const sliceRows = 64;

/** What is told to a key of the right table about a row of the left one. */
type Naming<Left, Key, OtherKey> = { readonly to: OtherKey; readonly key: Key } & (
  | { readonly kind: 'named'; readonly row: Left }
  | { readonly kind: 'moved' } // it names another key now, or none
  | { readonly kind: 'gone' }
);

/** What became of a row of the left table; undefined: there is none, or it has no other half. */
interface Joined<Key, Out> {
  readonly key: Key;
  readonly row: Out | undefined;
}

export function foreignKeyJoin<
  Left extends AnyRow,
  Right extends AnyRow,
  Key,
  OtherKey,
  Out extends AnyRow,
>(
  left: KeyedStream<Change<Left>, Key>,
  right: KeyedStream<Change<Right>, OtherKey>,
  foreignKey: (row: Left) => OtherKey | null | undefined,
  { label, name, combined }: JoinStep<Left, Right, Out>,
): KeyedStream<Change<Out>, Key> {
  left.checkSameJob(`${label}()`, 'tables', right);
  const [leftCodec, rightCodec] = [left.keyCodec, right.keyCodec];
  const namedBy = (row: Left | undefined) =>
    row === undefined ? undefined : (foreignKey(row) ?? undefined);

  const namings = left
    .flatMapWithKey(namingsOf<Left, Key, OtherKey>(namedBy, rightCodec))
    .keyBy(({ to }) => to, { key: rightCodec })
    .map((naming): Told<Left, Right, Key, OtherKey> => naming);
  const others = right.map(
    (change): Told<Left, Right, Key, OtherKey> => ({ kind: 'other half', change }),
  );
  const halves = namings
    .union(others)
    .addStep(`${label}-foreign`, name === undefined ? name : `${name}-foreign`, {
      ...joiningNamed<Left, Right, Key, OtherKey, Out>(leftCodec, combined),
    });
  const alone = left.flatMapWithKey(function* ({ before, after }, key) {
    if (namedBy(after) !== undefined) return; // that key will tell
    if (after !== undefined) yield { key, row: combined(after, undefined) };
    else if (namedBy(before) === undefined) yield { key, row: undefined };
  });
  const byKey = (joined: KeyedStream<Joined<Key, Out>, unknown>) =>
    joined.keyBy(({ key }) => key, { key: leftCodec });
  return byKey(halves).union(byKey(alone)).addStep(label, name, changesOfJoined<Key, Out>());
}

/** The new key is told before the old one. */
function namingsOf<Left extends AnyRow, Key, OtherKey>(
  namedBy: (row: Left | undefined) => OtherKey | undefined,
  codec: Codec<OtherKey>,
): (change: Change<Left>, key: Key) => Iterable<Naming<Left, Key, OtherKey>> {
  return function* ({ before, after }, key) {
    const [from, to] = [namedBy(before), namedBy(after)];
    if (after !== undefined && to !== undefined) yield { to, key, kind: 'named', row: after };
    if (from === undefined || (to !== undefined && isSameKey(codec, from, to))) return;
    yield { to: from, key, kind: after === undefined ? 'gone' : 'moved' };
  };
}

/** What a key of the right table is told. */
type Told<Left, Right extends AnyRow, Key, OtherKey> =
  | Naming<Left, Key, OtherKey>
  | { readonly kind: 'other half'; readonly change: Change<Right> };

type NamedState<Left, Right, Key> = {
  readonly row: ValueSpec<Right>;
  /** The rows that name it. */
  readonly named: MapSpec<Key, Left>;
  /** The last of them that was joined anew, while others are still to be. */
  readonly joined: ValueSpec<Key>;
};

function joiningNamed<Left, Right extends AnyRow, Key, OtherKey, Out>(
  leftCodec: Codec<Key>,
  combined: JoinedRow<Left, Right, Out>,
): StepFunctions<
  Told<Left, Right, Key, OtherKey>,
  OtherKey,
  NamedState<Left, Right, Key>,
  Joined<Key, Out>
> {
  type Context = StepContext<OtherKey, NamedState<Left, Right, Key>>;
  /** The next rows behind `after`; undefined: the first ones. */
  const slice = ({ state, goOn }: Context, after: Key | undefined): Joined<Key, Out>[] => {
    const right = state.row.get();
    const joined: Joined<Key, Out>[] = [];
    for (const [key, row] of state.named.entries(after === undefined ? {} : { after })) {
      joined.push({ key, row: combined(row, right) });
      if (joined.length < sliceRows) continue;
      state.joined.set(key);
      goOn();
      return joined;
    }
    state.joined.clear();
    return joined;
  };
  return {
    state: {
      row: value<Right>(),
      named: map<Key, Left>({ key: leftCodec }),
      joined: value<Key>(leftCodec),
    },
    onRecord(told, context) {
      const { named, row } = context.state;
      switch (told.kind) {
        case 'named':
          named.set(told.key, told.row);
          return [{ key: told.key, row: combined(told.row, row.get()) }];
        case 'moved':
          named.delete(told.key);
          return [];
        case 'gone':
          named.delete(told.key);
          return [{ key: told.key, row: undefined }];
        case 'other half':
          setRow(row, told.change.after);
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

function changesOfJoined<Key, Out extends AnyRow>(): StepFunctions<
  Joined<Key, Out>,
  Key,
  { readonly row: ValueSpec<Out> },
  Change<Out>
> {
  return {
    state: { row: value<Out>() },
    onRecord({ row: after }, { state }) {
      const before = state.row.get();
      setRow(state.row, after);
      return changeOf(before, after);
    },
  };
}
