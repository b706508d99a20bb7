/**
 * The rows of a table in groups, and what is made of each group. A row that comes to another group
 * is taken away from the old one: so aggregates must be able to take rows away.
 */
import type { Codec } from '../../formats/index.ts';
import { checkOptions } from '../../platform/index.ts';
import type { ResultsOf } from '../aggregates/composite.ts';
import type { RetractableAggregates } from '../aggregates/retracting.ts';
import type { StepOptions } from '../step-options.ts';
import type { KeyedStream } from '../stream.ts';
import { type AnyRow, type Change, checkRow } from './change.ts';
import { isSameKey } from './equality.ts';
import { groupAggregates } from './group-aggregates.ts';
import type { Table } from './table.ts';
import { checkTopN, type TopNOptions, topNOptions } from './top-n.ts';
import { topOfGroup } from './top-of-group.ts';

/** What happened to a row of a group; `key` is its key in the table. */
export type GroupChange<Row extends AnyRow, Group extends AnyRow> = Change<Row> & {
  readonly group: Group;
  readonly key: unknown;
};

/** Says of a change of a table in which groups it happened. */
export function regroup<Row extends AnyRow, Group extends AnyRow>(
  group: (row: Row) => Group,
  codec: Codec<Group>,
): (change: Change<Row>, key: unknown) => Iterable<GroupChange<Row, Group>> {
  const groupOf = (row: Row) => checkRow(group(row), 'groupBy()');
  return function* ({ before, after }, key) {
    if (before !== undefined && after !== undefined) {
      const [from, to] = [groupOf(before), groupOf(after)];
      if (isSameKey(codec, from, to)) yield { group: to, key, before, after };
      else {
        yield { group: from, key, before };
        yield { group: to, key, after };
      }
    } else if (before !== undefined) yield { group: groupOf(before), key, before };
    else if (after !== undefined) yield { group: groupOf(after), key, after };
  };
}

/** What a grouped table is made of. */
interface GroupedParts<Row extends AnyRow, Group extends AnyRow> {
  readonly changes: KeyedStream<GroupChange<Row, Group>, Group>;
  /** Of the keys of the table. */
  readonly keyCodec: Codec<unknown>;
  readonly table: <Out extends AnyRow>(
    changes: KeyedStream<Change<Out>, Group>,
  ) => Table<Out, Group>;
}

/** The rows of a table in groups. */
export class GroupedTable<Row extends AnyRow, Group extends AnyRow> {
  readonly #parts: GroupedParts<Row, Group>;

  constructor(parts: GroupedParts<Row, Group>) {
    this.#parts = parts;
  }

  /**
   * A row for each group that has any, with aggregates over the rows that are in it now. Those that
   * can't take a row away again do not compile here: for the greatest or smallest there is `topN`.
   * @example
   * orders.groupBy((o) => o.customer).aggregate({ orders: count(), spent: sum((o) => o.amount) })
   */
  aggregate<Fields extends RetractableAggregates<Row>>(
    fields: Fields,
    options: StepOptions = {},
  ): Table<ResultsOf<Fields>, Group> {
    checkOptions('aggregate()', options, ['name']);
    const { changes, table } = this.#parts;
    const step = groupAggregates<Row, Group, ResultsOf<Fields>>(fields);
    return table(changes.addStep('aggregate', options.name, step));
  }

  /**
   * The `n` rows of each group for which `by` is greatest (or smallest), the first one first; of
   * those with the same number, in the order of their keys. All rows are kept, since one that
   * leaves lets the next one in.
   * @example products.groupBy((p) => p.category).topN({ n: 3, by: (p) => p.sold })
   */
  topN(options: TopNOptions<Row>): Table<readonly Row[], Group> {
    this.#parts.changes.check('by of topN()', options.by, options, topNOptions);
    checkTopN(options);
    const { changes, table, keyCodec } = this.#parts;
    return table(changes.addStep('topN', options.name, topOfGroup(options, keyCodec)));
  }
}
