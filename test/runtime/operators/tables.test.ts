/** Tables: what their docs say one by one, and how they refuse. */
import { describe, expect, test } from 'vitest';
import {
  type Change,
  collect,
  count,
  type JobContext,
  job,
  max,
  type Table,
  topic,
} from '../../../src/dsl/index.ts';
import { json, keyJson, number, string } from '../../../src/formats/index.ts';
import { describeGraph, type Job } from '../../../src/runtime/index.ts';
import {
  runScript,
  type ScriptRecord,
  type ScriptStep,
  sameInEveryMode,
} from '../../support/operator-harness.ts';
import { otherModes } from '../../support/operator-harness-modes.ts';
import { rowsOfChanges } from '../../support/table-model.ts';

interface Order {
  readonly customer: string;
  readonly amount: number;
}

interface Customer {
  readonly country: string;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const customers = topic('customers', { key: string(), value: json<Customer>() });

const changesTo = <Row extends NonNullable<unknown>, Key>(
  name: string,
  table: Table<Row, Key>,
): void => {
  const key = keyJson<Key>();
  table.toStream().to(topic(name, { key, value: json<Change<Row>>(), partitions: 1 }));
};

const order = (key: string, customer: string | undefined, amount: number, timestamp = 0) => ({
  topic: 'orders',
  key,
  value: customer === undefined ? null : { customer, amount },
  timestamp,
});
const customer = (key: string, country: string | undefined, timestamp = 0) => ({
  topic: 'customers',
  key,
  value: country === undefined ? null : { country },
  timestamp,
});

const countryOf = ({ amount }: Order, { country }: Customer) => ({ amount, country });
const foreignKey = (o: Order) => o.customer;

/** All of them are tried by the properties. */
const inSomeModes = (of: Job, script: readonly ScriptStep[]) =>
  sameInEveryMode(of, script, { modes: otherModes.filter(({ name }) => modes.includes(name)) });
const modes = ['one record at a time', 'next to no memory'];

describe('a table of a topic', () => {
  const copied = job('copied', ({ table }) => {
    const rows = table(orders, { eventTime: ({ amount }) => amount, quietAfter: 'off' });
    changesTo('changes', rows);
    rows
      .map((o) => `${o.customer} ${o.amount}`)
      .to(topic('rows', { key: string(), value: string(), partitions: 1 }));
  });

  test('is what its records say, where one without a value deletes', async () => {
    const records = [
      order('a', 'ann', 10),
      order('a', 'ann', 20),
      order('a', 'ann', 20),
      order('b', undefined, 0, 25),
      order('a', undefined, 0, 30),
      order('a', 'bob', 5),
    ];
    const outputs = await inSomeModes(copied, [{ records }]);
    const [first, second] = [records[0]?.value, records[1]?.value];
    expect(outputs['changes/0']?.map(({ value, timestamp }) => [value, timestamp])).toEqual([
      [{ after: first }, 10],
      [{ before: first, after: second }, 20],
      [{ before: second }, 30],
      [{ after: { customer: 'bob', amount: 5 } }, 5],
    ]);
    expect(outputs['rows/0']?.map(({ key, value }) => [key, value])).toEqual([
      ['a', 'ann 10'],
      ['a', 'ann 20'],
      ['a', null],
      ['a', 'bob 5'],
    ]);
  });

  test('refuses a record without a key', async () => {
    const records = [{ ...order('a', 'ann', 1), key: null }];
    await expect(runScript(copied, [{ records }])).rejects.toMatchObject({
      code: 'USER_FUNCTION',
      message: expect.stringContaining('the record has no key, so it is the row of none'),
    });
  });
});

describe('a foreign-key join', () => {
  const joined = job('joined', ({ table }) => {
    changesTo('joined', table(orders).join(table(customers), countryOf, { foreignKey }));
  });
  const changesOf = async (...records: ScriptRecord[]) => {
    const outputs = await inSomeModes(joined, [{ records }]);
    rowsOfChanges(outputs, 'joined');
    return outputs['joined/0']?.map(({ value }) => value);
  };

  test('changes once where a row comes to name another key', async () => {
    const changes = await changesOf(
      customer('ann', 'FR', 1),
      customer('bob', 'IT', 2),
      order('1', 'ann', 7, 3),
      order('1', 'bob', 7, 4),
      order('1', 'nobody', 7, 5),
      order('1', 'ann', 7, 6),
      order('1', undefined, 0, 7),
      customer('ann', 'ES', 8),
    );
    const row = (country: string) => ({ amount: 7, country });
    expect(changes).toEqual([
      { after: row('FR') },
      { before: row('FR'), after: row('IT') },
      { before: row('IT') },
      { after: row('FR') },
      { before: row('FR') },
    ]);
  });

  test('still knows a row that names the same key after it has changed', async () => {
    const changes = await changesOf(
      order('1', 'ann', 7, 1),
      order('1', 'ann', 8, 2),
      customer('ann', 'FR', 3),
    );
    expect(changes).toEqual([{ after: { amount: 8, country: 'FR' } }]);
  });

  test('updates all rows that name a row, in slices with commits between them', async () => {
    const many = Array.from({ length: 140 }, (_, i) => order(`o${i}`, 'ann', i, 1));
    const script: ScriptStep[] = [
      { records: many },
      { records: [customer('ann', 'FR', 2), order('late', 'ann', 1, 3)] },
      { records: [order('o7', 'bob', 7, 4), customer('ann', 'IT', 5)] },
    ];
    const outputs = await inSomeModes(joined, script);
    const rows = rowsOfChanges(outputs, 'joined');
    expect(rows.size).toBe(140);
    expect(new Set([...rows.values()].map((row) => (row as Customer).country))).toEqual(
      new Set(['IT']),
    );
    const times = outputs['joined/0']?.map(({ timestamp }) => timestamp) ?? [];
    expect(Map.groupBy(times, (time) => time).get(2)).toHaveLength(140); // that of their cause
  });

  test('takes the newest row where it changes again while rows are updated', async () => {
    const twice = job('twice', ({ from, table }) => {
      const flipping = from(customers)
        .flatMap((c) => [{ country: 'none' }, c])
        .keyBy(() => 'ann')
        .toTable();
      changesTo('joined', table(orders).join(flipping, countryOf, { foreignKey }));
    });
    const many = Array.from({ length: 140 }, (_, i) => order(`o${i}`, 'ann', i, 1));
    const script = [{ records: many }, { records: [customer('x', 'FR', 2)] }];
    const rows = rowsOfChanges(await inSomeModes(twice, script), 'joined');
    expect([...rows.values()].filter((row) => (row as Customer).country === 'FR').length).toBe(140);
  });
});

const building = (build: (context: JobContext) => void) => () => job('built', build);

describe('what can not be', () => {
  test('aggregates that can not take rows away are refused, with what can', () => {
    expect(
      building(({ table }) => {
        const grouped = table(orders).groupBy((o) => o.customer);
        grouped.aggregate({ largest: max((o: Order) => o.amount) } as never);
      }),
    ).toThrow('"largest" can\'t take away a row that has changed or gone. count(), sum()');
  });

  test('tables are joined by keys of one codec, and in one job', () => {
    const byNumber = topic('by-number', { key: number(), value: json<Customer>() });
    expect(
      building(({ table }) => {
        table(orders).join(table(byNumber) as never, countryOf);
      }),
    ).toThrow('join() takes keyed streams of the same job whose keys have one codec, not string');
    let other: Table<Customer, string> | undefined;
    job('other', ({ table }) => {
      other = table(customers);
      changesTo('others', other);
    });
    expect(
      building(({ table }) => table(orders).join(other as never, countryOf, { foreignKey })),
    ).toThrow('join() takes tables of the same job');
  });

  test('a row is never null, nor is the key of a group', async () => {
    const failing = async (build: (of: Table<Order, string>) => Table<never, never>) => {
      const broken = job('broken', ({ table }) => changesTo('out', build(table(orders))));
      const error = await runScript(broken, [{ records: [order('a', 'ann', 1)] }]).catch(String);
      return error;
    };
    expect(await failing((of) => of.map(() => null as never) as never)).toContain(
      'the function given to map() returned null. Leave rows out with filter()',
    );
    const byNothing = (of: Table<Order, string>) => of.groupBy(() => undefined as never);
    expect(await failing((of) => byNothing(of).aggregate({ n: count() }) as never)).toContain(
      'the function given to groupBy() returned undefined',
    );
    expect(await failing((of) => of.toStream().topN({ n: 1, by: () => Number.NaN }) as never)) //
      .toContain('the function given as by to topN() returned NaN; it must return a finite number');
  });

  test('options are checked where they are given', () => {
    const within = (options: object) =>
      building(({ from }) => from(orders).deduplicate(options as never));
    expect(within({ by: 'id', within: '1h' })).toThrow("The by of deduplicate() can't be id");
    expect(within({ by: () => 1, within: 0 })).toThrow("The within of deduplicate() can't be 0");
    expect(within({ by: () => 1, withn: '1h' })).toThrow('did you mean "within"?');
    const top = (options: object) =>
      building(({ table }) =>
        table(orders)
          .groupBy(foreignKey)
          .topN(options as never),
      );
    expect(top({ n: 0, by: () => 1 })).toThrow("The n of topN() can't be 0");
    expect(top({ n: 1 })).toThrow('by of topN() takes a function, not undefined');
    expect(top({ n: 1, by: () => 1, order: 'up' })).toThrow('order of topN() can\'t be "up"');
    const reading = (options: object) => building(({ table }) => table(orders, options));
    expect(reading({ start: 'latest' })).toThrow('table("orders") has no option "start"');
    expect(reading({ deleteWhen: true })).toThrow('deleteWhen of toTable() takes a function');
    expect(building(({ table }) => table({} as never))).toThrow('table() takes a topic');
  });

  test('a row that leaves a group it is not in stops the job, and says what may have been', async () => {
    let calls = 0;
    const random = job('random', ({ table }) => {
      const grouped = table(orders).groupBy(() => `group ${calls++}`);
      changesTo('out', grouped.aggregate({ n: count() }));
    });
    const records = [order('a', 'ann', 1), order('a', 'ann', 2)];
    await expect(runScript(random, [{ records }])).rejects.toThrow(
      'a row leaves a group that it is not in',
    );
  });
});

test('deduplicate knows of what was let through twice its time ago, and no more', async () => {
  const own = { key: string(), value: json<Order>(), partitions: 1 };
  const once = job('once', ({ from }) => {
    const first = from(orders).deduplicate({ by: (o) => o.customer, within: 10 });
    first.to(topic('first', own));
    first.late.to(topic('late', own));
  });
  const times = [100, 116, 106, 105, 90];
  const records = [
    ...times.slice(0, 1).map((time) => order(`at ${time}`, 'ann', 0, time)),
    order('other', 'bob', 0, 115),
    ...times.slice(1).map((time) => order(`at ${time}`, 'ann', 0, time)),
  ];
  const outputs = await inSomeModes(once, [{ records }]);
  const keysOf = (name: string) => outputs[`${name}/0`]?.map(({ key }) => key);
  expect(keysOf('first')).toEqual(['at 100', 'other', 'at 116']); // 106 is near to 100
  expect(keysOf('late')).toEqual(['at 105', 'at 90']); // the watermark is 115
});

test('deduplicate leaves records their keys, also none', async () => {
  const own = { key: string(), value: json<Order>(), partitions: 1 };
  const once = job('once', ({ from }) => {
    const first = from(orders).deduplicate({ by: (o) => o.amount, within: 10 });
    first.to(topic('first', own));
    first.late.to(topic('late', own));
  });
  const records = [
    { ...order('a', 'ann', 1, 100), key: null },
    order('b', 'ann', 1, 105),
    order('c', 'ann', 2, 120),
    order('d', 'ann', 1, 109),
    order('e', 'ann', 3, 111),
  ];
  const outputs = await inSomeModes(once, [{ records }]);
  const keysOf = (name: string) => outputs[`${name}/0`]?.map(({ key }) => key);
  expect(keysOf('first')).toEqual([null, 'c', 'e']);
  expect(keysOf('late')).toEqual(['d']);
});

test('running aggregates are tables once they are told to', async () => {
  const running = job('running', ({ from }) => {
    const perCustomer = from(orders)
      .keyBy((o) => o.customer)
      .aggregate({ orders: collect((o: Order) => o.amount) });
    const regular = perCustomer.toTable().filter((of) => of.orders.length > 1);
    changesTo('regular', regular);
  });
  const records = [order('1', 'ann', 1), order('2', 'bob', 2), order('3', 'ann', 3)];
  const rows = rowsOfChanges(await inSomeModes(running, [{ records }]), 'regular');
  expect([...rows]).toEqual([['"ann"', { orders: [1, 3] }]]);
});

test('explain shows the steps of tables', () => {
  const mixed = job('mixed', ({ table }) => {
    const grouped = table(orders).groupBy((o) => o.customer);
    const perCustomer = grouped.aggregate({ n: count() }, { name: 'per-customer' });
    perCustomer.to(topic('per-customer', { key: keyJson<string>(), value: json<{ n: number }>() }));
  });
  expect(describeGraph(mixed.graph).replaceAll(/,? (?:time of|out of|idle|starts).*/g, '')).toBe(
    `job mixed
  from orders (key string, value json)
    keyBy key of the record (string)
      toTable [state toTable-of-orders-keyed-1] (row: value json)
        flatMap
          keyBy (key-json)
            aggregate [state per-customer] (group: value group {n: count})
              map
                to per-customer (key key-json, value json), null deletes
`,
  );
});
