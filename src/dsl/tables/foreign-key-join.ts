/**
 * Joins of two tables where each row of the left one names the key of a row of the right one: an
 * order and its customer.
 *
 *          ┌── which key it names, where that is another one now ──────────┐
 *          │                                                               v
 *   left ──┴──> what it names ──> rows and their other half, ──> what became of ──> changes
 *               (by left key)     by the key that is named       each, by left key
 *                                       ^
 *   right ──────────────────────────────┘
 *
 * The step in the middle (foreign-key-halves.ts) keeps, for each key of the right table, its row
 * and the rows of the left table that name it. The last step (foreign-key-results.ts) keeps the
 * joined rows, and so knows what each was before.
 *
 * Where the steps are several tasks, what is said of a row comes to the last step from the left
 * table and from the keys that it has named, in any order among them; only what comes from one of
 * them keeps its order. So the last step is told each time that a row comes to name a key, or
 * leaves it, by both: the left table and that key. As long as one of the two has told more than the
 * other, it knows which of them is behind, and what the key says of the row counts for nothing, or
 * not yet. So nothing old overwrites anything newer, and in the end each row has the other half
 * that it names. What they have told alike is forgotten: nothing is kept but what is under way.
 *
 * A row that comes to name another key changes once. It does not go and come again: it stays as it
 * was until the new key has answered.
 */
import type { Codec } from '../../formats/index.ts';
import type { StepOptions } from '../step-options.ts';
import type { KeyedStream } from '../stream.ts';
import type { AnyRow, Change } from './change.ts';
import { isSameKey } from './equality.ts';
import { joiningNamed, type Naming, type Told } from './foreign-key-halves.ts';
import { changesOfJoined, type Move, rowIn, type Said } from './foreign-key-results.ts';
import type { JoinStep } from './join.ts';

export interface ForeignKeyOptions<Row, OtherKey> extends StepOptions {
  /**
   * The key of the row in the other table that a row goes with; null or undefined where it goes
   * with none. It must depend on the row alone.
   */
  readonly foreignKey: (row: Row) => OtherKey | null | undefined;
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
  const names = namesBy(foreignKey, rightCodec);
  // First: in one task the last step then knows of a move before it is answered.
  const moves = left.flatMapWithKey(movesOf<Left, Key, OtherKey, Out>(names, combined));
  const namings = left
    .flatMapWithKey(namingsOf<Left, Key, OtherKey>(names))
    .keyBy(({ to }) => to, { key: rightCodec })
    .map((naming): Told<Left, Right, Key, OtherKey> => naming);
  const others = right.map(
    (change): Told<Left, Right, Key, OtherKey> => ({ kind: 'other half', change }),
  );
  const answers = namings
    .union(others)
    .addStep(
      `${label}-foreign`,
      name === undefined ? name : `${name}-foreign`,
      joiningNamed<Left, Right, Key, OtherKey, Out>(leftCodec, combined),
    );
  const byKey = (said: KeyedStream<Said<Key, OtherKey, Out>, unknown>) =>
    said.keyBy(({ key }) => key, { key: leftCodec });
  return byKey(moves)
    .union(byKey(answers))
    .addStep(label, name, changesOfJoined<Key, OtherKey, Out>(rightCodec));
}

/** The keys that a row named before a change, and names after it. */
interface Names<OtherKey> {
  readonly from: OtherKey | undefined;
  readonly to: OtherKey | undefined;
  readonly areSame: boolean;
}

type NamesOf<Left extends AnyRow, OtherKey> = (change: Change<Left>) => Names<OtherKey>;

function namesBy<Left extends AnyRow, OtherKey>(
  foreignKey: (row: Left) => OtherKey | null | undefined,
  codec: Codec<OtherKey>,
): NamesOf<Left, OtherKey> {
  const namedBy = (row: Left | undefined) =>
    row === undefined ? undefined : (foreignKey(row) ?? undefined);
  return ({ before, after }) => {
    const [from, to] = [namedBy(before), namedBy(after)];
    const areSame = from !== undefined && to !== undefined && isSameKey(codec, from, to);
    return { from, to, areSame };
  };
}

/** What the last step is told by the left table: nothing where the same key answers. */
function movesOf<Left extends AnyRow, Key, OtherKey, Out>(
  names: NamesOf<Left, OtherKey>,
  combined: JoinStep<Left, never, Out>['combined'],
): (change: Change<Left>, key: Key) => Iterable<Move<Key, OtherKey, Out>> {
  return function* (change, key) {
    const { from, to, areSame } = names(change);
    if (areSame) return;
    const { after } = change;
    const alone = after === undefined || to !== undefined ? undefined : combined(after, undefined);
    yield {
      ...{ kind: 'moved', key, ...rowIn(alone) },
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    };
  };
}

function namingsOf<Left extends AnyRow, Key, OtherKey>(
  names: NamesOf<Left, OtherKey>,
): (change: Change<Left>, key: Key) => Iterable<Naming<Left, Key, OtherKey>> {
  return function* (change, key) {
    const { from, to, areSame } = names(change);
    const { after } = change;
    if (after !== undefined && to !== undefined) yield { kind: 'named', to, key, row: after };
    if (from !== undefined && !areSame) yield { kind: 'left', to: from, key };
  };
}
