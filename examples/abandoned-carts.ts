/** Tells what is left in carts: state whose entries have a time-to-live. */
import { job, json, map, openLog, run, string, topic } from 'millrace';

interface Choice {
  readonly cart: string;
  readonly item: string;
  /** What is in the cart now; 0 takes the item out. */
  readonly count: number;
  readonly at: number;
}

interface Abandoned {
  readonly cart: string;
  readonly item: string;
  readonly count: number;
}

const choices = topic('choices', { key: string(), value: json<Choice>() });
const abandoned = topic('abandoned', { key: string(), value: json<Abandoned>() });

const abandonedCarts = job('abandoned-carts', ({ from }) => {
  from(choices, { eventTime: (choice) => choice.at })
    .keyBy((choice) => choice.cart)
    .process({
      state: { items: map<string, number>({ ttl: '1h' }) },
      onRecord({ item, count }, { state }) {
        if (count === 0) state.items.delete(item);
        else state.items.set(item, count, item === 'ice cream' ? { ttl: '10m' } : undefined);
      },
      onExpire: ({ item, value: count }, { key }) => [{ cart: key, item, count }],
    })
    .to(abandoned);
});

export default abandonedCarts;

/** Three things in one cart, of which one is taken out; then event time goes on by two hours. */
export async function main(data: string): Promise<void> {
  const log = await openLog(data);
  await log.createTopic(choices);
  const noon = Date.UTC(2026, 0, 1, 12);
  const chosen: Choice[] = [
    { cart: 'ada', item: 'book', count: 1, at: noon },
    { cart: 'ada', item: 'ice cream', count: 2, at: noon + 60_000 },
    { cart: 'ada', item: 'lamp', count: 1, at: noon + 120_000 },
    { cart: 'ada', item: 'lamp', count: 0, at: noon + 180_000 },
    { cart: 'bob', item: 'book', count: 1, at: noon + 7_200_000 },
  ];
  await Promise.all(chosen.map((choice) => log.send(choices, { key: null, value: choice })));

  const handle = await run(abandonedCarts, { data: log });
  await handle.stop({ drain: true });

  for await (const { value: left, timestamp } of log.records(abandoned)) {
    const time = new Date(timestamp).toISOString().slice(11, 16);
    process.stdout.write(`${left?.count} ${left?.item} left by ${left?.cart}, said at ${time}\n`);
  }
  await log.close();
}
