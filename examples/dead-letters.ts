/** Orders in a currency without a rate become dead letters, and go back once there is one. */
import { job, json, number, openLog, redrive, run, string, topic } from 'millrace';

interface Order {
  readonly price: number;
  readonly currency: string;
}

const orders = topic('orders', { key: string(), value: json<Order>() });
const euros = topic('euros', { key: string(), value: number() });
const deadOrders = topic('orders-dead', { key: string(), value: json<Order>() });

/** Until somebody mends it, there is one rate. */
const rates = new Map([['EUR', 1]]);

const inEuro = job(
  'in-euro',
  ({ from }) => {
    from(orders)
      .map(({ price, currency }) => {
        const rate = rates.get(currency);
        if (rate === undefined) throw new Error(`no rate for ${currency}`);
        return price * rate;
      })
      .to(euros);
  },
  { onError: { deadLetters: deadOrders.name } },
);

export default inEuro;

/** Three orders, of which one fails; then the fix. */
export async function main(data: string): Promise<void> {
  const log = await openLog(data);
  await log.createTopic(orders);
  const broken = await run(inEuro, { data: log });
  await log.send(orders, { key: 'ada', value: { price: 12, currency: 'EUR' } });
  await log.send(orders, { key: 'bob', value: { price: 1000, currency: 'JPY' } });
  await log.send(orders, { key: 'cy', value: { price: 7, currency: 'EUR' } });
  await broken.stop({ drain: true });
  for await (const { key, headers } of log.records(deadOrders)) {
    const message = headers.find((header) => header.key === 'millrace.message')?.value ?? [];
    process.stdout.write(`dead: ${key}, ${Buffer.from(message).toString()}\n`);
  }

  rates.set('JPY', 0.006);
  const mended = await run(inEuro, { data: log });
  const { redriven } = await redrive(log, deadOrders.name);
  await mended.stop({ drain: true });
  process.stdout.write(`sent back: ${redriven}\n`);
  for await (const { key, value } of log.records(euros)) {
    process.stdout.write(`${key} ${value}\n`);
  }
  await log.close();
}
