/**
 * Tables: a row for each key, which comes, changes and goes. A table is nothing but the keyed
 * stream of its changes (change.ts), and each step here makes the changes of another table of it.
 */
import { type Codec, checkKeyCodec, keyJson, ofKeys } from '../../formats/index.ts';
import { checkOptions } from '../../platform/index.ts';
import type { KeyByOptions, StepOptions } from '../step-options.ts';
import type { KeyedStream } from '../stream.ts';
import type { HoldsFieldsOf, TopicFor } from '../topic.ts';
import { type AnyRow, type Change, changeOf, checkRow } from './change.ts';
import { type ForeignKeyOptions, foreignKeyJoin } from './foreign-key-join.ts';
import { GroupedTable, regroup } from './grouped-table.ts';
import { type JoinedRow, joinTables } from './join.ts';

/** A row for each key. */
export class Table<Row extends AnyRow, Key> {
  readonly #changes: KeyedStream<Change<Row>, Key>;

  constructor(changes: KeyedStream<Change<Row>, Key>) {
    this.#changes = changes;
  }

  /**
   * The changes of the rows as a stream, each with the time of the record that caused it.
   * @example
   * customers.toStream().filter(({ before }) => before === undefined) // who is new
   */
  toStream(): KeyedStream<Change<Row>, Key> {
    return this.#changes;
  }

  /**
   * Writes the rows to a topic: each new row under its key, and a record without a value where one
   * has gone. So the last record of each key is its row, as in a compacted topic.
   * @example totals.to(topic('totals', { key: keyJson<string>(), value: json<Totals>() }))
   */
  to<TopicRow>(
    topic: TopicFor<Key, Row> & { readonly value: Codec<TopicRow> } & HoldsFieldsOf<Row, TopicRow>,
  ): void {
    this.#changes.map(({ after }) => after ?? null).toWithTombstones(topic);
  }

  /**
   * Turns each row into another one. The function is called for what was there before a change as
   * well, so it must depend on the row alone.
   * @example orders.map((order) => ({ customer: order.customer, amount: order.amount }))
   */
  map<Out extends AnyRow>(map: (row: Row) => Out, options: StepOptions = {}): Table<Out, Key> {
    this.#changes.check('map()', map, options, ['name']);
    const mapped = (row: Row | undefined) =>
      row === undefined ? undefined : checkRow(map(row), 'map()');
    const change = ({ before, after }: Change<Row>) => changeOf(mapped(before), mapped(after));
    return new Table(this.#changes.flatMap(change, options));
  }

  /**
   * Keeps the rows for which `keep` returns true: one that no longer is such a row has gone. It
   * must depend on the row alone.
   * @example orders.filter((order) => order.state === 'open')
   */
  filter<Out extends Row>(keep: (row: Row) => row is Out, options?: StepOptions): Table<Out, Key>;
  filter(keep: (row: Row) => boolean, options?: StepOptions): Table<Row, Key>;
  filter(keep: (row: Row) => boolean, options: StepOptions = {}): Table<Row, Key> {
    this.#changes.check('filter()', keep, options, ['name']);
    const kept = (row: Row | undefined) => (row !== undefined && keep(row) ? row : undefined);
    const change = ({ before, after }: Change<Row>) => changeOf(kept(before), kept(after));
    return new Table(this.#changes.flatMap(change, options));
  }

  /**
   * Groups the rows by something in them, which is not null; say what is to be made of each group.
   * The function must depend on the row alone.
   * @example orders.groupBy((order) => order.customer).aggregate({ open: count() })
   */
  groupBy<Group extends AnyRow>(
    group: (row: Row) => Group,
    options: KeyByOptions<Group> = {},
  ): GroupedTable<Row, Group> {
    this.#changes.check('groupBy()', group, options, ['name', 'key']);
    const codec = ofKeys(checkKeyCodec(options.key ?? keyJson<Group>(), 'groupBy()'));
    const { name } = options;
    const changes = this.#changes.flatMapWithKey(regroup(group, codec), name);
    const grouped = changes.keyBy((change) => change.group, { key: codec });
    const { keyCodec } = this.#changes;
    const untyped = keyCodec as Codec<unknown>; // a group does not know the type of keys
    return new GroupedTable({
      changes: grouped,
      keyCodec: untyped,
      table: (of) => new Table(of),
    });
  }

  /**
   * The rows of two tables with the same key, where both have one: a table that changes with both.
   * With `foreignKey`, each row names the key of the row of the other table that it goes with.
   * @example accounts.join(limits, (account, limit) => ({ ...account, ...limit }))
   * @example
   * orders.join(customers, (order, customer) => ({ ...order, country: customer.country }), {
   *   foreignKey: (order) => order.customer,
   * })
   */
  join<Other extends AnyRow, Out extends AnyRow>(
    other: Table<Other, Key>,
    combine: (row: Row, other: Other) => Out,
    options?: StepOptions,
  ): Table<Out, Key>;
  join<Other extends AnyRow, OtherKey, Out extends AnyRow>(
    other: Table<Other, OtherKey>,
    combine: (row: Row, other: Other) => Out,
    options: ForeignKeyOptions<Row, OtherKey>,
  ): Table<Out, Key>;
  join<Other extends AnyRow, OtherKey, Out extends AnyRow>(
    other: Table<Other, OtherKey>,
    combine: (row: Row, other: Other) => Out,
    options: Partial<ForeignKeyOptions<Row, OtherKey>> = {},
  ): Table<Out, Key> {
    const combined: JoinedRow<Row, Other, Out> = (row, of) =>
      row === undefined || of === undefined ? undefined : checkRow(combine(row, of), 'join()');
    return this.#join('join', other, combine, combined, options);
  }

  /**
   * As `join`, and a row without one in the other table is there too, with undefined in its place.
   * @example
   * accounts.leftJoin(limits, (account, limit) => ({ ...account, limit: limit?.amount ?? 0 }))
   */
  leftJoin<Other extends AnyRow, Out extends AnyRow>(
    other: Table<Other, Key>,
    combine: (row: Row, other: Other | undefined) => Out,
    options?: StepOptions,
  ): Table<Out, Key>;
  leftJoin<Other extends AnyRow, OtherKey, Out extends AnyRow>(
    other: Table<Other, OtherKey>,
    combine: (row: Row, other: Other | undefined) => Out,
    options: ForeignKeyOptions<Row, OtherKey>,
  ): Table<Out, Key>;
  leftJoin<Other extends AnyRow, OtherKey, Out extends AnyRow>(
    other: Table<Other, OtherKey>,
    combine: (row: Row, other: Other | undefined) => Out,
    options: Partial<ForeignKeyOptions<Row, OtherKey>> = {},
  ): Table<Out, Key> {
    const combined: JoinedRow<Row, Other, Out> = (row, of) =>
      row === undefined ? undefined : checkRow(combine(row, of), 'leftJoin()');
    return this.#join('leftJoin', other, combine, combined, options);
  }

  /**
   * The rows of two tables with the same key, where at least one of them has one.
   * @example
   * planned.outerJoin(actual, (plan, fact) => ({ plan: plan?.hours ?? 0, fact: fact?.hours ?? 0 }))
   */
  outerJoin<Other extends AnyRow, Out extends AnyRow>(
    other: Table<Other, Key>,
    combine: (row: Row | undefined, other: Other | undefined) => Out,
    options: StepOptions = {},
  ): Table<Out, Key> {
    const combined: JoinedRow<Row, Other, Out> = (row, of) =>
      row === undefined && of === undefined ? undefined : checkRow(combine(row, of), 'outerJoin()');
    checkOptions('outerJoin()', options, ['name']);
    return this.#join('outerJoin', other, combine, combined, options);
  }

  #join<Other extends AnyRow, OtherKey, Out extends AnyRow>(
    label: 'join' | 'leftJoin' | 'outerJoin',
    other: Table<Other, OtherKey>,
    combine: unknown,
    combined: JoinedRow<Row, Other, Out>,
    options: Partial<ForeignKeyOptions<Row, OtherKey>>,
  ): Table<Out, Key> {
    this.#changes.check(`${label}()`, combine, options, ['name', 'foreignKey']);
    const { name, foreignKey } = options;
    const right = other.#changes;
    const step = { label, name, combined };
    if (foreignKey !== undefined) {
      return new Table(foreignKeyJoin(this.#changes, right, foreignKey, step));
    }
    const alike = right as unknown as KeyedStream<Change<Other>, Key>; // without `foreignKey`
    return new Table(joinTables(this.#changes, alike, step));
  }
}
