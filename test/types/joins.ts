/** Joins of streams. Nothing here runs: the compiler is the test. */
import { globalWindow, job, json, keyJson, string, topic, tumbling } from 'millrace';

interface Order {
  readonly id: string;
  readonly price: number;
}

interface Payment {
  readonly order: string;
  readonly amount: number;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const payments = topic('payments', { key: string(), value: json<Payment>() });
const sums = topic('sums', { key: keyJson<string>(), value: json<number>() });
const late = topic('late', { key: keyJson<string>(), value: json<Payment>() });

export const joins = job('joins', ({ from }) => {
  const left = from(orders).keyBy((order) => order.id);
  const right = from(payments).keyBy((payment) => payment.order);
  const near = left.connect(right).within({ after: '1h' });
  const windows = left.connect(right).window(tumbling('1h'));

  near.join((order, payment) => order.price - payment.amount).to(sums);
  windows
    .join((order, payment, { windowEnd }) => order.price - payment.amount + windowEnd)
    .to(sums);
  // @ts-expect-error there may be no payment
  near.leftJoin((order, payment) => order.price - payment.amount);
  near.leftJoin((order, payment) => order.price - (payment?.amount ?? 0)).to(sums);
  // @ts-expect-error there may be no order
  near.rightJoin((order, payment) => order.price - payment.amount);
  near.rightJoin((order, payment) => (order?.price ?? 0) - payment.amount).to(sums);
  // @ts-expect-error there may be no order
  near.outerJoin((order, payment) => order.price - (payment?.amount ?? 0));
  // @ts-expect-error there may be no payment
  windows.outerJoin((order, payment) => (order?.price ?? 0) - payment.amount);
  windows.coGroup((some, others) => [some.length - others.length]).to(sums);

  near
    .join(() => 1)
    .late.flatMap((of) => (of.side === 'right' ? [of.value] : []))
    .to(late);
  // @ts-expect-error it may be an order
  near.join(() => 1).late.map(({ value }) => value.amount);

  const rows = left.connect(right.toTable());
  rows
    .asOfNow()
    .join((order, payment) => order.price - payment.amount)
    .to(sums);
  // @ts-expect-error there may be no row
  rows.asOfNow().leftJoin((order, payment) => order.price - payment.amount);
  const then = rows.asOfEventTime({ grace: '1h' });
  then.leftJoin((order, payment) => order.price - (payment?.amount ?? 0)).to(sums);
  // @ts-expect-error a table has no records that could be near
  rows.within({ after: '1h' });
  const byAmount = from(payments).keyBy((payment) => payment.amount);
  // @ts-expect-error its keys are numbers
  left.connect(byAmount.toTable());
  // @ts-expect-error only records can wait
  rows.asOfNow({ grace: '1h' });

  // @ts-expect-error an interval has an end
  left.connect(right).within({});
  // @ts-expect-error and no other
  left.connect(right).within({ until: '1h' });
  // @ts-expect-error that window never ends
  left.connect(right).window(globalWindow());
  // @ts-expect-error one side has no keys
  left.connect(from(payments));
  // @ts-expect-error the keys are numbers
  left.connect(from(payments).keyBy((payment) => payment.amount));
});
