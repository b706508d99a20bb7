/** Tells of cards that have spent more than a limit allows; a new limit looks at all of them. */
import { job, json, openLog, run, string, topic, value } from 'millrace';

interface Purchase {
  readonly card: string;
  readonly amount: number;
  readonly at: number;
}

interface Limit {
  readonly amount: number;
  readonly at: number;
}

interface Alert {
  readonly card: string;
  readonly spent: number;
  readonly limit: number;
  readonly because: 'purchase' | 'limit';
}

const purchases = topic('purchases', { key: string(), value: json<Purchase>() });
const limits = topic('limits', { key: string(), value: json<Limit>() });
const alerts = topic('alerts', { key: string(), value: json<Alert>() });

const cardLimits = job('card-limits', ({ from }) => {
  const changes = from(limits, { eventTime: (limit) => limit.at });
  from(purchases, { eventTime: (purchase) => purchase.at })
    .keyBy((purchase) => purchase.card)
    .connectBroadcast(changes)
    .process({
      state: { spent: value<number>() },
      broadcast: { limit: value<number>() },
      *onRecord({ amount }, { key, state, broadcast }) {
        const spent = (state.spent.get() ?? 0) + amount;
        state.spent.set(spent);
        const limit = broadcast.limit.get() ?? Number.POSITIVE_INFINITY;
        if (spent > limit) yield { card: key, spent, limit, because: 'purchase' as const };
      },
      onBroadcast({ amount }, { broadcast, visitKeys }) {
        broadcast.limit.set(amount);
        visitKeys();
      },
      *onKey({ key, state, broadcast }) {
        const [spent, limit] = [state.spent.get() ?? 0, broadcast.limit.get() ?? 0];
        if (spent > limit) yield { card: key, spent, limit, because: 'limit' as const };
      },
    })
    .to(alerts);
});

export default cardLimits;

/** Two cards, and a limit that is lowered. */
export async function main(data: string): Promise<void> {
  const log = await openLog(data);
  for (const each of [purchases, limits]) await log.createTopic(each);
  const buy = (card: string, amount: number, at: number) =>
    log.send(purchases, { key: card, value: { card, amount, at } });
  const limit = (amount: number, at: number) =>
    log.send(limits, { key: null, value: { amount, at } });
  await limit(100, 0);
  await buy('ada', 70, 1);
  await buy('bob', 20, 2);
  await buy('ada', 40, 3);
  await limit(15, 4);
  await buy('bob', 1, 5);

  const handle = await run(cardLimits, { data: log });
  await handle.stop({ drain: true });

  const told: string[] = [];
  for await (const { value: alert } of log.records(alerts)) {
    told.push(`${alert?.card} has spent ${alert?.spent} of ${alert?.limit} (${alert?.because})\n`);
  }
  process.stdout.write(told.sort().join(''));
  await log.close();
}
