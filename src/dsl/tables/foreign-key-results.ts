/**
 * The last step of a foreign-key join: by the key of the left table, what each row has come to.
 *
 *   left table    moved to a    moved from a to b    moved from b to a
 *   key a         came, joined ...    left                 came ...
 *   key b                       came ...             left
 *
 * The lines come in any order among one another, and each keeps its own. Of a key both its own line
 * and that of the left table tell when the row came to name it, and when it left: one after the
 * other, in turn. So the difference of how many times they have told says which is behind:
 *
 *   0           they are at one: if the row names the key, it is what the key says
 *   1 or more   the left table is ahead: what the key says is of a row that has left it since
 *   -1 or less  the key is ahead: what it says last counts when the left table has told as much
 *
 * If they are at one and the key says a row, then the row names that key as far as the left table
 * has told. So which key that is need not be kept; and a difference of 0 is not, either.
 */
import type { Codec } from '../../formats/index.ts';
import { unreachable } from '../../platform/index.ts';
import type { MapSpec, ValueSpec } from '../../runtime/index.ts';
import type { StatesOf, StepFunctions } from '../process.ts';
import { map, value } from '../state-specs.ts';
import { type AnyRow, type Change, changeOf, setRow } from './change.ts';

/** A joined row; without one there is none, or it lacks the other half that it needs. */
interface MayHaveRow<Out> {
  readonly row?: Out;
}

/** The left table: a row names another key now, or none. Then `row` is what it is by itself. */
export interface Move<Key, OtherKey, Out> extends MayHaveRow<Out> {
  readonly kind: 'moved';
  readonly key: Key;
  readonly from?: OtherKey;
  readonly to?: OtherKey;
}

/** A key of the right table, of a row that has come to name it, or names it, or has left it. */
export interface Answer<Key, OtherKey, Out> extends MayHaveRow<Out> {
  readonly kind: 'came' | 'joined' | 'left';
  readonly by: OtherKey;
  readonly key: Key;
}

/** What is said of a row of the left table. */
export type Said<Key, OtherKey, Out> = Move<Key, OtherKey, Out> | Answer<Key, OtherKey, Out>;

/** As part of what is said, which is plain JSON. */
export function rowIn<Out>(row: Out | undefined): MayHaveRow<Out> {
  return row === undefined ? {} : { row };
}

/** A key of the right table, and the left one, are not at one. */
interface Apart<Out> extends MayHaveRow<Out> {
  /** How many times more the left table has told. Below 0, `row` is what the key has said last. */
  readonly ahead: number;
}

type ResultState<OtherKey, Out> = {
  readonly row: ValueSpec<Out>;
  /** Those that are. */
  readonly apart: MapSpec<OtherKey, Apart<Out>>;
};

export function changesOfJoined<Key, OtherKey, Out extends AnyRow>(
  rightCodec: Codec<OtherKey>,
): StepFunctions<Said<Key, OtherKey, Out>, Key, ResultState<OtherKey, Out>, Change<Out>> {
  return {
    state: { row: value<Out>(), apart: map<OtherKey, Apart<Out>>({ key: rightCodec }) },
    onRecord(said, { state }) {
      const news = said.kind === 'moved' ? afterMove(said, state) : afterAnswer(said, state);
      if (news === undefined) return [];
      const before = state.row.get();
      setRow(state.row, news.row);
      return changeOf(before, news.row);
    },
  };
}

/** What the row is now; undefined: as it was. */
type News<Out> = MayHaveRow<Out> | undefined;

function afterMove<Key, OtherKey, Out>(
  said: Move<Key, OtherKey, Out>,
  { apart }: StatesOf<ResultState<OtherKey, Out>>,
): News<Out> {
  const { from, to } = said;
  if (from !== undefined) tell(apart, from, 1);
  return to === undefined ? said : tell(apart, to, 1);
}

function afterAnswer<Key, OtherKey, Out>(
  said: Answer<Key, OtherKey, Out>,
  { apart }: StatesOf<ResultState<OtherKey, Out>>,
): News<Out> {
  const { kind, by } = said;
  switch (kind) {
    case 'came':
      return tell(apart, by, -1, said);
    case 'joined':
      return tell(apart, by, 0, said);
    case 'left':
      tell(apart, by, -1, said);
      return undefined;
    default:
      return unreachable(kind);
  }
}

/**
 * The left table (1) or a key (-1) has told of a coming or leaving, or a key (0) of another half.
 * `last` is what the key says now. Returns what it says if the two are at one.
 */
function tell<OtherKey, Out>(
  apart: StatesOf<ResultState<OtherKey, Out>>['apart'],
  key: OtherKey,
  by: 1 | 0 | -1,
  last?: MayHaveRow<Out>,
): News<Out> {
  const was = apart.get(key);
  const ahead = (was?.ahead ?? 0) + by;
  const said = last ?? was;
  if (ahead < 0) apart.set(key, { ahead, ...rowIn(said?.row) });
  else if (ahead > 0 && by !== 0) apart.set(key, { ahead });
  else if (ahead === 0 && was !== undefined) apart.delete(key);
  return ahead === 0 ? said : undefined;
}
