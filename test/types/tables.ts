/** Tables. Nothing here runs: the compiler is the test. */
import {
  type Change,
  collect,
  count,
  job,
  json,
  keyJson,
  max,
  mean,
  share,
  string,
  sum,
  type Table,
  topic,
} from 'millrace';

interface Open {
  readonly state: 'open';
  readonly customer: string | null;
  readonly amount: number;
}

interface Closed {
  readonly state: 'closed';
}

interface Customer {
  readonly country: string;
}

const orders = topic('orders', { key: string(), value: json<Open | Closed>() });
const customers = topic('customers', { key: string(), value: json<Customer>() });
const numbered = topic('numbered', { key: keyJson<number>(), value: json<Customer>() });
const isClosed = (order: Open | Closed): order is Closed => order.state === 'closed';

export const changes = job('changes', ({ from, table }) => {
  const customer: Table<Customer, string> = table(customers);
  const stream = customer.toStream().map((change) => {
    // @ts-expect-error there may have been no row before
    change.before.country;
    return change.before === undefined ? change.after.country : change.before.country;
  });
  stream.filter((country) => country.length > 1);
  const change: Change<Customer> = { after: { country: 'FR' } };
  // @ts-expect-error something must have happened
  const nothing: Change<Customer> = {};
  customer.to(customers);
  // @ts-expect-error its keys are numbers
  customer.to(numbered);
  // @ts-expect-error the topic lacks the country
  customer.to(topic('bare', { key: string(), value: json<{ name?: string }>() }));
  customer.toStream().to(topic('log', { key: string(), value: json<Change<Customer>>() }));
  // @ts-expect-error a table begins where its topic does
  table(customers, { start: 'latest' });
  // @ts-expect-error a row is never null
  customer.map(() => null);
  // @ts-expect-error a table is no stream
  customer.flatMap((row) => [row]);
  // @ts-expect-error a stream without keys is no table
  from(orders).toTable();
  return [change, nothing];
});

export const rows = job('rows', ({ from }) => {
  const byCustomer = from(orders).keyBy((order) => (isClosed(order) ? '' : order.customer));
  const open: Table<Open, string | null> = byCustomer.toTable({ deleteWhen: isClosed });
  const all: Table<Open | Closed, string | null> = byCustomer.toTable({ name: 'all' });
  all.filter(isClosed).map((closed: Closed) => closed);
  // @ts-expect-error a closed one has no amount
  all.map((order) => order.amount);
  const perCustomer = open.groupBy((order) => order.customer ?? 'nobody');
  // @ts-expect-error the key of a group is never null
  open.groupBy((order) => order.customer);
  const totals: Table<{ n: number; total: number; mean: number; large: number }, string> =
    perCustomer.aggregate({
      n: count(),
      total: sum((order) => order.amount),
      mean: mean((order) => order.amount),
      large: share((order) => order.amount > 9),
    });
  totals.filter(({ total }) => total > 1);
  // @ts-expect-error who knows the largest one when it has gone?
  perCustomer.aggregate({ largest: max((order: Open) => order.amount) });
  // @ts-expect-error they stay
  perCustomer.aggregate({ amounts: collect((order: Open) => order.amount) });
  const top: Table<readonly Open[], string> = perCustomer.topN({ n: 3, by: (o) => o.amount });
  top.map(([first]) => ({ amount: first?.amount ?? 0 }));
  // @ts-expect-error ranks are numbers
  perCustomer.topN({ n: 3, by: (o) => o.state });
  // @ts-expect-error how many?
  byCustomer.topN({ by: () => 1 });
  const latest: Table<Open | Closed, string | null> = byCustomer.latest();
  latest.toStream();
});

export const joined = job('joined', ({ table }) => {
  const order = table(orders, { deleteWhen: isClosed }).filter((o) => o.state === 'open');
  const customer = table(customers);
  const byNumber = table(numbered);
  order.join(customer, (o, c) => [o.amount, c.country]);
  // @ts-expect-error there may be no customer
  order.leftJoin(customer, (o, c) => [o.amount, c.country]);
  // @ts-expect-error there may be no order
  order.outerJoin(customer, (o, c) => [o.amount, c?.country]);
  // @ts-expect-error keys of another type
  order.join(byNumber, (o, c) => [o.amount, c.country]);
  const withCountry: Table<{ country: string }, string> = order.join(
    byNumber,
    (_, c) => ({ country: c.country }),
    { foreignKey: (o) => (o.customer === null ? null : o.customer.length) },
  );
  withCountry.toStream();
  // @ts-expect-error it names keys of another type
  order.join(byNumber, (_, c) => c, { foreignKey: (o) => o.customer });
  // @ts-expect-error neither side is the one that names
  order.outerJoin(byNumber, (_, c) => c ?? 0, { foreignKey: () => 1 });
});

export const once = job('once', ({ from }) => {
  const first = from(orders).deduplicate({ by: (o) => o.state, within: '1h' });
  first.to(orders);
  first.late.to(orders);
  // @ts-expect-error not keyed
  first.aggregate({ n: count() });
  const keyed = from(customers).keyBy((c) => c.country);
  keyed.deduplicate({ by: (c) => c.country, within: '1h' }).aggregate({ n: count() });
  // @ts-expect-error within what time?
  keyed.deduplicate({ by: (c) => c.country });
});
