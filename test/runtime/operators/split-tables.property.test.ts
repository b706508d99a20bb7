/**
 * Tables whose steps are several tasks, where records overtake one another in every way in which
 * tasks may (split-job.ts). However they do:
 *
 *   - in the end each table holds what a naive one holds that is computed of all that was written,
 *     and a foreign-key join has nothing left of what its last step did not know
 *   - so do other tables, and tables made of one another, what one task makes of the records
 *   - the changes of a row follow one another without a gap
 *   - a foreign-key join never goes back. There is an order of the changes of a left row, and of
 *     each right row, in which they were made, so that each output is what was joined at some
 *     moment, the moments being in the order of the outputs: neither the version of the left row
 *     nor that of any right row is ever an older one than before
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Change,
  count,
  job,
  sum,
  type Table,
  type Topic,
  topic,
} from '../../../src/dsl/index.ts';
import { json, keyJson, string } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import { testDriver } from '../../../src/testing/index.ts';
import type { Outputs } from '../../support/operator-harness.ts';
import { scriptsTried } from '../../support/operator-harness-scripts.ts';
import { type SplitInput, SplitJob } from '../../support/split-job.ts';
import { lastOf, rowsOfChanges } from '../../support/table-model.ts';

interface Order {
  readonly customer: string | null;
  readonly amount: number;
  /** The how manieth version of its row this is; 0 where rows may be equal. */
  readonly version: number;
}

interface Customer {
  readonly country: string;
  readonly version: number;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const customers = topic('customers', { key: string(), value: json<Customer>() });

function changesTopic<Row extends NonNullable<unknown>, Key>(
  name: string,
  table: Table<Row, Key>,
): void {
  const key = keyJson<Key>();
  const target = topic(name, { key, value: json<unknown>() }) as Topic<Key, Change<Row>>;
  table.toStream().to(target as never);
}

const foreignKey = ({ customer: of }: Order) => of;

const joins: Job = job('joins', ({ table }) => {
  const [order, customer] = [table(orders), table(customers)];
  const both = (o: Order, c: Customer | undefined) => [o, c ?? null] as const;
  changesTopic('inner', order.join(customer, both, { name: 'inner', foreignKey }));
  changesTopic('left', order.leftJoin(customer, both, { name: 'left', foreignKey }));
});

interface Script {
  readonly inputs: readonly SplitInput[];
  readonly tasks: number;
  /** Which channel is read next. */
  readonly choices: readonly number[];
}

const ids = ['1', '2'];
const names = ['ann', 'bob', 'cy'];

const anyOrder = fc.record({
  topic: fc.constant('orders'),
  key: fc.constantFrom(...ids),
  value: fc.option(
    fc.record({
      customer: fc.constantFrom(...names, null),
      amount: fc.nat({ max: 1 }),
      version: fc.constant(0),
    }),
    { freq: 4 },
  ),
});

const anyCustomer = fc.record({
  topic: fc.constant('customers'),
  key: fc.constantFrom(...names),
  value: fc.option(fc.record({ country: fc.constantFrom('FR', 'IT'), version: fc.constant(0) }), {
    freq: 3,
  }),
});

const scripts: fc.Arbitrary<Script> = fc.record({
  inputs: fc.array(
    fc.oneof({ weight: 2, arbitrary: anyOrder }, { weight: 1, arbitrary: anyCustomer }),
    { minLength: 1, maxLength: 14, size: 'max' },
  ),
  tasks: fc.integer({ min: 1, max: 3 }),
  choices: fc.array(fc.nat({ max: 30 }), { maxLength: 150, size: 'max' }),
});

/** Makes all versions of a row different. */
function numbered({ inputs, ...script }: Script): Script {
  const versions = inputs.map(({ topic: of, key, value, ...input }, at) => ({
    ...{ ...input, topic: of, key },
    value: value === null ? null : { ...value, version: at + 1 },
  }));
  return { ...script, inputs: versions };
}

function run(of: Job, { inputs, tasks, choices }: Script) {
  const split = new SplitJob(of, tasks);
  for (const input of inputs) split.append(input);
  return { split, outputs: split.finish(choices) };
}

function lastOfInputs<Row>({ inputs }: Script, name: string): Map<string, Row> {
  return lastOf<Row>([{ records: inputs }], name);
}

test('a foreign-key join has in the end what each row names', () => {
  fc.assert(
    fc.property(scripts, (script) => {
      const { split, outputs } = run(joins, script);
      const customer = lastOfInputs<Customer>(script, 'customers');
      const joined = [...lastOfInputs<Order>(script, 'orders')].map(([key, row]) => {
        return [key, [row, customer.get(JSON.stringify(row.customer)) ?? null]] as const;
      });
      expect(rowsOfChanges(outputs, 'left')).toEqual(new Map(joined));
      expect(rowsOfChanges(outputs, 'inner')).toEqual(
        new Map(joined.filter(([, [, half]]) => half !== null)),
      );
      for (const name of ['left', 'inner']) expect(split.state(`${name}/apart`)).toEqual([]);
    }),
    { numRuns: scriptsTried(150) },
  );
});

/** What lies in a topic, by key and place in the order of versions; -1 is before the first. */
class Versions {
  readonly #script: Script;
  readonly #at = new Map<string, number>();

  constructor(script: Script) {
    this.#script = script;
  }

  /** Moves on to a version that is as `is` says, and is not older than the last one. */
  moveTo(name: string, key: string, is: (value: unknown) => boolean): void {
    const of = this.#script.inputs.filter((input) => input.topic === name && input.key === key);
    const from = this.#at.get(`${name} ${key}`) ?? -1;
    const at = of.findIndex(({ value }, i) => i >= from && is(value));
    const isBeforeAll = from === -1 && is(null);
    expect(isBeforeAll || at !== -1, `${key} in ${name} never goes back`).toBe(true);
    this.#at.set(`${name} ${key}`, isBeforeAll ? -1 : at);
  }
}

type Joined = readonly [Order, Customer | null];

const versionOf = (row: unknown) => (row as { readonly version: number } | null)?.version;

/** `showsLeft`: a row is there as long as the left one is. */
function expectNoWayBack(script: Script, outputs: Outputs, name: string, showsLeft: boolean): void {
  const versions = new Map(ids.map((id) => [id, new Versions(script)]));
  for (const { key, value } of outputs[`${name}/0`] ?? []) {
    const id = key as string; // and the other one is as the job writes them
    const { after } = value as { readonly after?: Joined };
    const of = versions.get(id);
    if (after !== undefined) expectJoined(of, id, after);
    else if (showsLeft) of?.moveTo('orders', id, (row) => row === null);
  }
}

function expectJoined(versions: Versions | undefined, id: string, [order, half]: Joined): void {
  versions?.moveTo('orders', id, (row) => versionOf(row) === order.version);
  if (order.customer === null) return;
  versions?.moveTo('customers', order.customer, (row) => versionOf(row) === half?.version);
}

test('a foreign-key join never goes back to an older row, or an older half', () => {
  fc.assert(
    fc.property(scripts.map(numbered), (script) => {
      const { outputs } = run(joins, script);
      expectNoWayBack(script, outputs, 'left', true);
      expectNoWayBack(script, outputs, 'inner', false);
    }),
    { numRuns: scriptsTried(150) },
  );
});

const countryOf = (_: Order, { country }: Customer) => ({ country });

const others: Job = job('others', ({ table }) => {
  const [order, customer] = [table(orders), table(customers)];
  const grouped = order.groupBy((o) => o.customer ?? 'nobody');
  const aggregates = { n: count(), total: sum((o: Order) => o.amount / 10) };
  changesTopic('aggregated', grouped.aggregate(aggregates));
  changesTopic('top', grouped.topN({ n: 1, by: (o) => o.amount }));
  const open = order.filter(({ amount }) => amount > 0);
  changesTopic(
    'outer',
    order.outerJoin(open, (a, b) => [a?.customer ?? null, b?.amount ?? null]),
  );
  const placed = order.join(customer, countryOf, { name: 'placed', foreignKey });
  changesTopic(
    'by-country',
    placed.groupBy(({ country }) => country).aggregate({ n: count() }, { name: 'by-country' }),
  );
  const countries = customer.groupBy(({ country }) => country).aggregate({ of: count() });
  const inCountry = (_: { readonly country: string }, of: { readonly of: number } | undefined) =>
    of?.of ?? 0;
  const twice = {
    name: 'twice',
    foreignKey: ({ country }: { readonly country: string }) => country,
  };
  changesTopic('twice', placed.leftJoin(countries, inCountry, twice));
});

test('other tables hold in the end what one task makes of the same records', () => {
  fc.assert(
    fc.property(scripts, (script) => {
      const { outputs } = run(others, script);
      const one = testDriver(others);
      for (const { topic: of, key, value } of script.inputs) one.feed(of, value, { key });
      for (const name of ['aggregated', 'top', 'outer', 'by-country', 'twice']) {
        const expected = one.read(name).map((record) => ({ ...record, headers: [] }));
        expect(rowsOfChanges(outputs, name), name).toEqual(
          rowsOfChanges({ [`${name}/0`]: expected }, name),
        );
      }
    }),
    { numRuns: scriptsTried(100) },
  );
});
