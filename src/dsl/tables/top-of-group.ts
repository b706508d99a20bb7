/**
 * topN over the rows of a table: all rows of a group are kept in the order of their ranks, so that
 * one that leaves lets the next one in.
 */
import { type Codec, json } from '../../formats/index.ts';
import type { MapSpec } from '../../runtime/index.ts';
import type { StepFunctions } from '../process.ts';
import { type AnyRow, type Change, changeOf } from './change.ts';
import type { GroupChange } from './grouped-table.ts';
import { rankOf, type TopNOptions } from './top-n.ts';

/** A row's place in its group; the smallest rank comes first, then the smallest key. */
interface Place {
  readonly rank: number;
  readonly key: unknown;
}

export function topOfGroup<Row extends AnyRow, Group extends AnyRow>(
  options: TopNOptions<Row>,
  keyCodec: Codec<unknown>,
): StepFunctions<
  GroupChange<Row, Group>,
  Group,
  { readonly rows: MapSpec<Place, Row> },
  Change<readonly Row[]>
> {
  const rank = rankOf(options);
  const first = (rows: Iterable<Row>): readonly Row[] | undefined => {
    const top: Row[] = [];
    for (const row of rows) if (top.push(row) === options.n) break;
    return top.length === 0 ? undefined : top;
  };
  return {
    state: { rows: { kind: 'map', item: placeCodec(keyCodec), codec: json<Row>() } },
    onRecord({ key, before, after }, { state: { rows } }) {
      const topBefore = first(rows.values());
      if (before !== undefined) rows.delete({ rank: rank(before), key });
      if (after !== undefined) rows.set({ rank: rank(after), key }, after);
      return changeOf(topBefore, first(rows.values()));
    },
  };
}

const rankBytes = 8;
const signBit = 0x80;

/** Bytes that sort as places do: rank (8) | key. */
export function placeCodec(keyCodec: Codec<unknown>): Codec<Place> {
  return {
    name: `rank and ${keyCodec.name}`,
    text: false,
    encode({ rank, key }) {
      const head = Buffer.allocUnsafe(rankBytes);
      head.writeDoubleBE(rank);
      turn(head, (head[0] as number) < signBit); // there are 8
      return Buffer.concat([head, keyCodec.encode(key)]);
    },
    decode(bytes, start, end) {
      const head = Buffer.from(bytes.subarray(start, start + rankBytes));
      turn(head, (head[0] as number) >= signBit); // there are 8
      return { rank: head.readDoubleBE(), key: keyCodec.decode(bytes, start + rankBytes, end) };
    },
  };
}

/** A double sorts as its bytes do with the sign turned; a negative one with all bits turned. */
function turn(head: Buffer, isPositive: boolean): void {
  if (isPositive) head[0] = (head[0] as number) ^ signBit;
  else for (let i = 0; i < rankBytes; i++) head[i] = (head[i] as number) ^ 0xff;
}
