/**
 * topN over the rows of a table. All rows of a group are kept in the order of their places, so that
 * one that leaves lets the next one in; and those that are first once more, so that the others are
 * looked at only then.
 */
import { type Codec, json, number } from '../../formats/index.ts';
import type { MapSpec, ValueSpec } from '../../runtime/index.ts';
import type { StepFunctions } from '../process.ts';
import { value } from '../state-specs.ts';
import { type AnyRow, type Change, changeOf } from './change.ts';
import type { GroupChange } from './grouped-table.ts';
import { rankOf, rowsOf, type TopNOptions } from './top-n.ts';

/** A row's place in its group; the smallest rank comes first, then the smallest key. */
interface Place {
  readonly rank: number;
  readonly key: unknown;
}

/** A row among the first ones. */
interface Placed<Row> {
  readonly rank: number;
  /** A character for each byte of its key. */
  readonly key: string;
  readonly row: Row;
}

type GroupState<Row> = {
  readonly rows: MapSpec<Place, Row>;
  readonly top: ValueSpec<readonly Placed<Row>[]>;
};

export function topOfGroup<Row extends AnyRow, Group extends AnyRow>(
  options: TopNOptions<Row>,
  keyCodec: Codec<unknown>,
): StepFunctions<GroupChange<Row, Group>, Group, GroupState<Row>, Change<readonly Row[]>> {
  const { n } = options;
  const rank = rankOf(options);
  const textOf = (key: unknown) => Buffer.from(keyCodec.encode(key)).toString('latin1');
  return {
    state: {
      rows: { kind: 'map', item: placeCodec(keyCodec), codec: json<Row>() },
      top: value<readonly Placed<Row>[]>(),
    },
    onRecord({ key, before, after }, { state: { rows, top } }) {
      if (before !== undefined) rows.delete({ rank: rank(before), key });
      if (after !== undefined) rows.set({ rank: rank(after), key }, after);
      const was = top.get() ?? [];
      const text = textOf(key);
      const added = after === undefined ? undefined : { rank: rank(after), key: text, row: after };
      const next = topAfter(was, text, added, n) ?? firstOf(rows.entries(), textOf, n);
      if (next.length === 0) top.clear();
      else if (next !== was) top.set(next);
      return changeOf(rowsOf(was), rowsOf(next));
    },
  };
}

/** Without the row of `key`, and with `added`. Undefined: only who has all rows knows. */
function topAfter<Row>(
  was: readonly Placed<Row>[],
  key: string,
  added: Placed<Row> | undefined,
  n: number,
): readonly Placed<Row>[] | undefined {
  const rest = was.filter((placed) => placed.key !== key);
  const last = was.length < n ? undefined : was.at(-1); // no row that is not there lies before it
  if (added !== undefined && (last === undefined || compare(added, last) <= 0)) {
    const behind = rest.findIndex((placed) => compare(placed, added) > 0);
    return rest.toSpliced(behind === -1 ? rest.length : behind, 0, added).slice(0, n);
  }
  if (rest.length === was.length) return was;
  return last === undefined ? rest : undefined;
}

function firstOf<Row>(
  entries: Iterable<readonly [Place, Row]>,
  textOf: (key: unknown) => string,
  n: number,
): readonly Placed<Row>[] {
  const first: Placed<Row>[] = [];
  for (const [{ rank, key }, row] of entries) {
    if (first.push({ rank, key: textOf(key), row }) === n) break;
  }
  return first;
}

function compare(a: Placed<unknown>, b: Placed<unknown>): number {
  if (a.rank !== b.rank) return a.rank - b.rank;
  return a.key < b.key ? -1 : Number(a.key > b.key);
}

const ranks = number();
const rankBytes = 8;

/** Bytes that sort as places do: rank (8) | key. */
export function placeCodec(keyCodec: Codec<unknown>): Codec<Place> {
  return {
    name: `rank and ${keyCodec.name}`,
    text: false,
    encode: ({ rank, key }) => Buffer.concat([ranks.encode(rank), keyCodec.encode(key)]),
    decode: (bytes, start, end) => ({
      rank: ranks.decode(bytes, start, start + rankBytes),
      key: keyCodec.decode(bytes, start + rankBytes, end),
    }),
  };
}
