/**
 * Tables against naive ones that are computed anew from all that was written:
 *
 *   - the changes of each table lead without a gap to what the naive one holds in the end
 *   - so do its rows as a topic, where a record without a value deletes
 *   - all of that is the same in every mode, record for record
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Change,
  count,
  countDistinct,
  job,
  mean,
  share,
  sum,
  type Table,
  type Topic,
  topic,
} from '../../../src/dsl/index.ts';
import { json, keyJson, string } from '../../../src/formats/index.ts';
import {
  type Outputs,
  runScript,
  type ScriptRecord,
  sameInEveryMode,
} from '../../support/operator-harness.ts';
import { scriptsTried, someModes } from '../../support/operator-harness-scripts.ts';
import { lastOf, rowsOfChanges, rowsOfTopic } from '../../support/table-model.ts';

interface Order {
  readonly customer: string | null;
  readonly amount: number;
}

interface Customer {
  readonly country: string;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const customers = topic('customers', { key: string(), value: json<Customer>() });
const invoices = topic('invoices', { key: string(), value: json<{ due: number }>() });

function changesTopic<Row extends NonNullable<unknown>, Key>(
  name: string,
  table: Table<Row, Key>,
): void {
  const key = keyJson<Key>();
  const target = topic(name, { key, value: json<unknown>() }) as Topic<Key, Change<Row>>;
  table.toStream().to(target as never);
}

const tables = job('tables', ({ table }) => {
  const order = table(orders, { deleteWhen: ({ amount }) => amount === 0 });
  const customer = table(customers);
  const invoice = table(invoices);
  changesTopic('same', order);
  order.to(topic('rows', { key: string(), value: json<Order>() }));
  changesTopic(
    'mapped',
    order.map(({ amount }) => ({ large: amount > 2 })),
  );
  changesTopic(
    'filtered',
    order.filter(({ amount }) => amount > 2),
  );
  const grouped = order.groupBy(({ customer: of }) => of ?? 'nobody', { key: keyJson<string>() });
  const aggregated = grouped.aggregate({
    n: count(),
    total: sum((o) => o.amount),
    mean: mean((o) => o.amount),
    large: share((o) => o.amount > 2),
    amounts: countDistinct((o) => o.amount),
  });
  changesTopic('aggregated', aggregated);
  changesTopic('top', grouped.topN({ n: 2, by: (o) => o.amount }));
  changesTopic(
    'lowest',
    grouped.topN({ n: 1, by: (o) => o.amount, order: 'ascending', name: 'lowest' }),
  );
  changesTopic(
    'joined',
    order.join(invoice, ({ amount }, { due }) => ({ amount, due })),
  );
  changesTopic(
    'left',
    order.leftJoin(invoice, ({ amount }, of) => [amount, of?.due ?? null]),
  );
  changesTopic(
    'outer',
    order.outerJoin(invoice, (o, i) => [o?.amount ?? null, i?.due ?? null]),
  );
  const foreignKey = ({ customer: of }: Order) => of;
  const withCountry = ({ amount }: Order, of: Customer | undefined) => [amount, of?.country ?? ''];
  changesTopic('foreign', order.join(customer, withCountry, { name: 'foreign', foreignKey }));
  changesTopic(
    'left-foreign',
    order.leftJoin(customer, withCountry, { name: 'left-foreign-join', foreignKey }),
  );
});

const ids = ['a', 'b', 'ü'];
const names = ['ann', 'bob'];

const records: fc.Arbitrary<ScriptRecord> = fc
  .oneof(
    fc.record({
      topic: fc.constant('orders'),
      key: fc.constantFrom(...ids),
      value: fc.option(
        fc.record({
          customer: fc.constantFrom(...names, null),
          amount: fc.constantFrom(0, 1, 2.5, 2.5, 3),
        }),
      ),
    }),
    fc.record({
      topic: fc.constant('customers'),
      key: fc.constantFrom(...names),
      value: fc.option(fc.record({ country: fc.constantFrom('FR', 'IT') })),
    }),
    fc.record({
      topic: fc.constant('invoices'),
      key: fc.constantFrom(...ids),
      value: fc.option(fc.record({ due: fc.nat({ max: 2 }) })),
    }),
  )
  .chain((record) =>
    fc.nat({ max: 20 }).map((timestamp) => {
      // A key stays in its partition, as with any topic.
      return { ...record, timestamp, partition: record.key.charCodeAt(0) % 2 };
    }),
  );

const scripts = fc.array(
  fc.record({ records: fc.array(records, { minLength: 1, maxLength: 24 }) }),
  { minLength: 1, maxLength: 3 },
);

function expectSame(outputs: Outputs, name: string, expected: Iterable<[string, unknown]>): void {
  expect(rowsOfChanges(outputs, name), name).toEqual(new Map(expected));
}

test('tables hold what naive ones hold', async () => {
  await fc.assert(
    fc.asyncProperty(scripts, someModes, async (script, modes) => {
      const outputs = await sameInEveryMode(tables, script, { modes, partitions: 2 });
      const order = [...lastOf<Order>(script, 'orders')].filter(([, o]) => o.amount !== 0);
      const customer = lastOf<Customer>(script, 'customers');
      const invoice = lastOf<{ due: number }>(script, 'invoices');
      expectSame(outputs, 'same', order);
      expect(rowsOfTopic(outputs, 'rows')).toEqual(new Map(order));
      expectSame(
        outputs,
        'mapped',
        order.map(([key, { amount }]) => [key, { large: amount > 2 }]),
      );
      expectSame(
        outputs,
        'filtered',
        order.filter(([, { amount }]) => amount > 2),
      );
      expectGroups(outputs, order);
      const withInvoice = order.map(
        ([key, { amount }]) => [key, amount, invoice.get(key)] as const,
      );
      expectSame(
        outputs,
        'joined',
        withInvoice.flatMap(([key, amount, of]) => (of ? [[key, { amount, due: of.due }]] : [])),
      );
      expectSame(
        outputs,
        'left',
        withInvoice.map(([key, amount, of]) => [key, [amount, of?.due ?? null]]),
      );
      const keys = new Set([...order.map(([key]) => key), ...invoice.keys()]);
      const byKey = new Map(order);
      expectSame(
        outputs,
        'outer',
        [...keys].map((key) => [
          key,
          [byKey.get(key)?.amount ?? null, invoice.get(key)?.due ?? null],
        ]),
      );
      const countryOf = (o: Order) => customer.get(JSON.stringify(o.customer))?.country ?? '';
      const withCountry = order.map(([key, o]): [string, unknown[]] => {
        return [key, [o.amount, countryOf(o)]];
      });
      expectSame(outputs, 'left-foreign', withCountry);
      expectSame(
        outputs,
        'foreign',
        withCountry.filter(([, [, country]]) => country !== ''),
      );
    }),
    { numRuns: scriptsTried(8) },
  );
});

const ranked = job('ranked', ({ table }) => {
  const byCustomer = table(orders).groupBy(({ customer: of }) => of ?? 'nobody');
  changesTopic('top', byCustomer.topN({ n: 2, by: (o) => o.amount }));
  changesTopic('first', byCustomer.topN({ n: 4, by: (o) => o.amount, name: 'first' }));
});

/** Many rows in two groups, of which most change and go. */
const rankedRows = fc.array(
  fc.record({
    key: fc.constantFrom(...'abcdefg'),
    value: fc.option(
      fc.record({ customer: fc.constantFrom(...names), amount: fc.nat({ max: 4 }) }),
      { freq: 2 },
    ),
  }),
  { minLength: 1, maxLength: 60 },
);

test('the first rows of a group are those of all of them, whatever changed and went', async () => {
  await fc.assert(
    fc.asyncProperty(rankedRows, async (rows) => {
      const records = rows.map((record) => ({ ...record, topic: 'orders' }));
      const { outputs } = await runScript(ranked, [{ records }]);
      const left = [...lastOf<Order>([{ records }], 'orders')].toSorted(([a], [b]) =>
        a < b ? -1 : 1,
      );
      const byAmount = left.toSorted(([, a], [, b]) => b.amount - a.amount);
      const groups = Map.groupBy(byAmount, ([, { customer }]) => JSON.stringify(customer));
      for (const [name, n] of [['top', 2] as const, ['first', 4] as const]) {
        const first = [...groups].map(([group, of]): [string, unknown] => {
          return [group, of.slice(0, n).map(([, row]) => row)];
        });
        expectSame(outputs, name, first);
      }
    }),
    { numRuns: scriptsTried(20) },
  );
});

function expectGroups(outputs: Outputs, order: readonly [string, Order][]): void {
  const groups = Map.groupBy(order, ([, { customer }]) => JSON.stringify(customer ?? 'nobody'));
  const of = [...groups].map(([group, entries]) => {
    const amounts = entries.map(([, { amount }]) => amount);
    const total = amounts.reduce((all, amount) => all + amount, 0);
    const byKey = entries.toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return { group, amounts, total, byKey: byKey.map(([, row]) => row) };
  });
  expectSame(
    outputs,
    'aggregated',
    of.map(({ group, amounts, total }) => [
      group,
      {
        n: amounts.length,
        total,
        mean: total / amounts.length,
        large: amounts.filter((amount) => amount > 2).length / amounts.length,
        amounts: new Set(amounts).size,
      },
    ]),
  );
  expectSame(
    outputs,
    'top',
    of.map(({ group, byKey }) => [
      group,
      byKey.toSorted((a, b) => b.amount - a.amount).slice(0, 2),
    ]),
  );
  expectSame(
    outputs,
    'lowest',
    of.map(({ group, byKey }) => [
      group,
      byKey.toSorted((a, b) => a.amount - b.amount).slice(0, 1),
    ]),
  );
}
