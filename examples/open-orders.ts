/**
 * What is open by country: a table of orders joined with the customers that they name, grouped and
 * added up, and kept right while orders are paid and customers move.
 */
import { count, job, json, keyJson, openLog, run, string, sum, topic } from 'millrace';

interface Order {
  readonly customer: string;
  readonly amount: number;
}

interface Customer {
  readonly country: string;
}

const orders = topic('open-orders', { key: string(), value: json<Order>() });
const customers = topic('customers', { key: string(), value: json<Customer>() });
const byCountry = topic('open-by-country', {
  key: keyJson<string>(),
  value: json<{ orders: number; amount: number }>(),
});

const openOrders = job('open-orders', ({ table }) => {
  table(orders)
    .join(table(customers), ({ amount }, { country }) => ({ amount, country }), {
      foreignKey: (order) => order.customer,
    })
    .groupBy((order) => order.country)
    .aggregate({ orders: count(), amount: sum((order) => order.amount) })
    .to(byCountry);
});

export default openOrders;

/** Three orders, of which one is paid, and a customer who moves. */
export async function main(data: string): Promise<void> {
  const log = await openLog(data);
  await log.createTopic(orders);
  await log.createTopic(customers);
  let timestamp = Date.UTC(2026, 0, 1);
  const order = (key: string, value: Order | null) =>
    log.send(orders, { key, value, timestamp: timestamp++ });
  const customer = (key: string, value: Customer) =>
    log.send(customers, { key, value, timestamp: timestamp++ });

  await customer('ada', { country: 'France' });
  await customer('bob', { country: 'Italy' });
  await order('1', { customer: 'ada', amount: 0.1 });
  await order('2', { customer: 'ada', amount: 0.2 });
  await order('3', { customer: 'bob', amount: 5 });
  await order('1', null); // it is paid
  await customer('ada', { country: 'Italy' });

  const handle = await run(openOrders, { data: log });
  await handle.stop({ drain: true });

  for await (const { key, value } of log.records(byCountry)) {
    const row = value === null ? 'nothing' : `${value.orders} open, ${value.amount}`;
    process.stdout.write(`${key}: ${row}\n`);
  }
  await log.close();
}
