/**
 * The best bid of each auction and minute: reduce over windows, and what comes of bids that are
 * late.
 */
import { job, json, openLog, run, string, topic, tumbling } from 'millrace';

interface Bid {
  readonly auction: string;
  readonly bidder: string;
  readonly price: number;
  readonly at: number;
}

const bids = topic('bids', { key: string(), value: json<Bid>() });
const best = topic('best-bids', { key: string(), value: json<Bid>() });
const late = topic('late-bids', { key: string(), value: json<Bid>() });

const bestBid = job('best-bid', ({ from }) => {
  const byMinute = from(bids, { eventTime: (bid) => bid.at, outOfOrderness: '5s' })
    .keyBy((bid) => bid.auction)
    .window(tumbling('1m'))
    .reduce((highest, bid) => (bid.price > highest.price ? bid : highest));
  byMinute.to(best);
  byMinute.late.to(late);
});

export default bestBid;

/** Five bids, the last of them for a minute that is over by the time it comes. */
export async function main(data: string): Promise<void> {
  const log = await openLog(data);
  await log.createTopic(bids);
  const start = Date.UTC(2026, 0, 1);
  const made: [bidder: string, price: number, second: number][] = [
    ['ada', 10, 1],
    ['bob', 12, 20],
    ['cy', 11, 70],
    ['ada', 15, 140],
    ['bob', 99, 30],
  ];
  for (const [bidder, price, second] of made) {
    const bid = { auction: 'vase', bidder, price, at: start + second * 1000 };
    await log.send(bids, { key: bid.auction, value: bid });
  }

  const handle = await run(bestBid, { data: log });
  await handle.stop({ drain: true });

  for await (const { value: bid } of log.records(best)) {
    process.stdout.write(`best: ${bid?.bidder} with ${bid?.price}\n`);
  }
  for await (const { value: bid } of log.records(late)) {
    process.stdout.write(`late: ${bid?.bidder} with ${bid?.price}\n`);
  }
  await log.close();
}
