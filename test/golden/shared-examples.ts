/** The golden pipelines, and the examples with more input than they have themselves. */
import abandonedCarts from '../../examples/abandoned-carts.ts';
import bestBid from '../../examples/best-bid.ts';
import candles from '../../examples/candles.ts';
import cardLimits from '../../examples/card-limits.ts';
import inEuro from '../../examples/dead-letters.ts';
import enrichOrders from '../../examples/enrich-orders.ts';
import flightDelays from '../../examples/flight-delays.ts';
import inactiveUsers from '../../examples/inactive-users.ts';
import openOrders from '../../examples/open-orders.ts';
import wordCount from '../../examples/word-count.ts';
import { type Append, partitionOf, RecordBatchBuilder } from '../../src/broker/index.ts';
import type { Job } from '../../src/runtime/index.ts';
import { type Choose, seededChoices } from '../support/choices.ts';
import type { SharedInput } from '../support/shared-job.ts';
import { operators } from './operators-job.ts';
import { appendsOf, inputPartitions, inputTopic, jobs, makeReadings } from './pipeline.ts';
import { joins, tables } from './tables-and-joins-jobs.ts';

export interface Example {
  readonly job: Job;
  readonly input: SharedInput;
}

interface Made {
  readonly topic: string;
  readonly key: string;
  readonly value: unknown;
}

/** One record of the input, by a random choice and the time it is for. */
type Make = (choose: Choose, at: number) => Made;

const partitions = 3;
const noon = Date.UTC(2026, 0, 1, 12);

const examples: readonly Example[] = [
  exampleOf(abandonedCarts, 600_000, (choose, at) => {
    const item = ['book', 'ice cream', 'lamp'][choose(3)];
    return of('choices', { cart: `cart ${choose(5)}`, item, count: choose(3), at });
  }),
  exampleOf(bestBid, 20_000, (choose, at) => {
    const bid = { auction: `auction ${choose(4)}`, bidder: `bidder ${choose(9)}`, at };
    return of('bids', { ...bid, price: choose(100) });
  }),
  exampleOf(candles, 20_000, (choose, at) => {
    const trade = { symbol: `symbol ${choose(4)}`, price: 90 + choose(20), at };
    return of('trades', { ...trade, volume: 1 + choose(50) });
  }),
  exampleOf(cardLimits, 1000, (choose, at) =>
    choose(6) === 0
      ? of('limits', { amount: choose(200), at })
      : of('purchases', { card: `card ${choose(5)}`, amount: choose(40), at }),
  ),
  exampleOf(inEuro, 1000, (choose) => {
    return of('orders', { price: choose(90), currency: ['EUR', 'JPY'][choose(2)] });
  }),
  exampleOf(flightDelays, 1_800_000, (choose, date) => {
    const flight = { date, delay: choose(90) - 20, distance: choose(3000) };
    return of('flights', { ...flight, origin: `from ${choose(4)}`, destination: 'to' });
  }),
  exampleOf(inactiveUsers, 600_000, (choose, at) =>
    of('clicks', { user: `user ${choose(5)}`, at }),
  ),
  exampleOf(openOrders, 1000, (choose) => {
    const customer = `customer ${choose(5)}`;
    if (choose(4) === 0) {
      return { topic: 'customers', key: customer, value: { country: `country ${choose(3)}` } };
    }
    const order = choose(5) === 0 ? null : { customer, amount: choose(100) / 10 };
    return { topic: 'open-orders', key: `order ${choose(20)}`, value: order };
  }),
  exampleOf(wordCount, 1000, (choose) => {
    const words = Array.from({ length: choose(5) }, () => `word${'abcdef'[choose(6)]}`);
    return { topic: 'lines', key: `line ${choose(9)}`, value: words.join(' ') };
  }),
];

/** It asks a service: whoever runs it has a `fetch` that answers. */
export const asking: Example = exampleOf(enrichOrders, 1000, (choose, at) => {
  const order = { postcode: ['53111', '00118', '99999', '10115'][choose(4)], at };
  return { topic: 'orders', key: `order ${choose(20)}`, value: order };
});

const pipelines = [...jobs, operators, tables, joins].map((job) => ({
  job,
  input: {
    topics: { [inputTopic]: inputPartitions },
    appends: appendsOf(makeReadings(150, 7)),
  },
}));

/** All jobs that have to give the same with any number of tasks. */
export const sharedJobs: readonly Example[] = [...pipelines, ...examples];

function of(topic: string, value: object): Made {
  return { topic, key: JSON.stringify(value).slice(0, 20), value };
}

function exampleOf(job: Job, stepMs: number, make: Make): Example {
  const choose = seededChoices(11);
  const builders = new Map<string, RecordBatchBuilder>();
  const read = job.graph.nodes.flatMap((node) => (node.kind === 'source' ? [node.topic.name] : []));
  for (let i = 0; i < 150; i++) {
    const at = noon + i * stepMs - choose(4) * stepMs;
    const { topic, key, value } = make(choose, at);
    const name = `${topic}/${partitionOf(Buffer.from(key), partitions)}`;
    const builder = builders.get(name) ?? new RecordBatchBuilder();
    builders.set(name, builder);
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    builder.append(at, Buffer.from(key), value === null ? null : Buffer.from(text));
  }
  const topics = Object.fromEntries(read.map((name) => [name, partitions]));
  return { job, input: { topics, appends: [...builders].map(appendOf) } };
}

function appendOf([name, builder]: readonly [string, RecordBatchBuilder]): Append {
  const [topic = '', partition = ''] = name.split('/');
  const { recordCount, maxTimestamp } = builder;
  const batches = builder.build();
  return { topic, partition: Number(partition), recordCount, maxTimestamp, batches };
}
