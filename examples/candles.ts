/** Candles of trades: aggregates over windows, by event time, and one of your own. */
import {
  aggregate,
  earliest,
  job,
  json,
  latest,
  max,
  min,
  openLog,
  quantile,
  run,
  string,
  sum,
  topic,
  tumbling,
} from 'millrace';

interface Trade {
  readonly symbol: string;
  readonly price: number;
  readonly volume: number;
  readonly at: number;
}

interface Candle {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly average: number;
  readonly median: number;
  readonly windowStart: number;
  readonly windowEnd: number;
}

const trades = topic('trades', { key: string(), value: json<Trade>() });
const candles = topic('candles', { key: string(), value: json<Candle>() });

/** The mean of prices, each counted as often as its volume says. */
const averagePrice = aggregate({
  name: 'average-price',
  create: () => ({ paid: 0, volume: 0 }),
  add(total, trade: Trade) {
    total.paid += trade.price * trade.volume;
    total.volume += trade.volume;
    return total;
  },
  merge: (a, b) => ({ paid: a.paid + b.paid, volume: a.volume + b.volume }),
  result: ({ paid, volume }) => paid / volume,
});

const candlesByMinute = job('candles', ({ from }) => {
  from(trades, { eventTime: (trade) => trade.at, outOfOrderness: '10s' })
    .keyBy((trade) => trade.symbol)
    .window(tumbling('1m'))
    .aggregate({
      open: earliest((trade) => trade.price),
      high: max((trade) => trade.price),
      low: min((trade) => trade.price),
      close: latest((trade) => trade.price),
      volume: sum((trade) => trade.volume),
      average: averagePrice,
      median: quantile((trade) => trade.price, 0.5, { error: 0.001 }),
    })
    .to(candles);
});

export default candlesByMinute;

/** Four trades of one minute, the first of them sent last, and one of the next. */
export async function main(data: string): Promise<void> {
  const log = await openLog(data);
  await log.createTopic(trades);
  const start = Date.UTC(2026, 0, 5, 9, 30);
  const made: [second: number, price: number, volume: number][] = [
    [9, 102, 10],
    [20, 98, 30],
    [31, 101, 10],
    [2, 100, 50],
    [65, 103, 20],
  ];
  for (const [second, price, volume] of made) {
    const trade = { symbol: 'MILL', price, volume, at: start + second * 1000 };
    await log.send(trades, { key: trade.symbol, value: trade });
  }

  const handle = await run(candlesByMinute, { data: log });
  await handle.stop({ drain: true });

  for await (const { value: candle } of log.records(candles)) {
    if (candle === null) continue;
    const { windowStart, open, high, low, close, volume, average, median } = candle;
    const time = new Date(windowStart).toISOString().slice(11, 16);
    const shape = `${open} ${high} ${low} ${close}`;
    const mean = `${average.toFixed(2)} on average`;
    process.stdout.write(`${time} ${shape}, ${volume} at ${mean}, median ${median.toFixed(0)}\n`);
  }
  await log.close();
}
