/**
 * Topic -> filter, map -> topic in Avro, one thread: Nexmark's bids, of which two thirds are dear
 * enough to be written, in another currency. Another process loads them before, so that neither its
 * time nor its garbage counts. `node bench/avro.ts select` reads only the fields that it needs.
 */
import { execFileSync } from 'node:child_process';
import { avro, job, number, openLog, RecordBatchBuilder, run, topic } from 'millrace';
import { type Bid, bidSchema, makeBids } from './bids.ts';
import { inDirectory, print } from './figures.ts';

interface Euros {
  readonly auction: number;
  readonly bidder: number;
  readonly euros: number;
  readonly dateTime: number;
}

const records = 5_000_000;
/** Cents; a third of the prices are lower. */
const dear = 10_000;
const portion = 50_000;

const bids = topic('bids', { key: number(), value: avro<Bid>(bidSchema) });
const euros = topic('euros', {
  key: number(),
  value: avro<Euros>({
    type: 'record',
    name: 'Euros',
    fields: [
      { name: 'auction', type: 'long' },
      { name: 'bidder', type: 'long' },
      { name: 'euros', type: 'double' },
      { name: 'dateTime', type: 'long' },
    ],
  }),
});

const toEuros = ({ auction, bidder, price, dateTime }: Omit<Bid, 'channel' | 'url' | 'extra'>) => {
  return { auction, bidder, euros: (price * 908) / 1000, dateTime };
};

const jobs = {
  all: job('all', ({ from }) => {
    from(bids)
      .filter(({ price }) => price >= dear)
      .map(toEuros)
      .to(euros);
  }),
  select: job('select', ({ from }) => {
    from(bids.select('auction', 'bidder', 'price', 'dateTime'))
      .filter(({ price }) => price >= dear)
      .map(toEuros)
      .to(euros);
  }),
};

const [which = 'all', loadInto] = process.argv.slice(2);
if (loadInto === undefined) await inDirectory(measure);
else await load(loadInto);

async function measure(directory: string): Promise<void> {
  execFileSync(process.execPath, [import.meta.filename, which, directory], { stdio: 'inherit' });
  const log = await openLog(directory);
  const began = performance.now();
  const handle = await run(which === 'select' ? jobs.select : jobs.all, { data: log });
  await new Promise<void>((resolve) => {
    handle.status$.subscribe(({ partitions }) => {
      if (partitions.length > 0 && partitions.every(({ lag }) => lag === 0)) resolve();
    });
  });
  const seconds = (performance.now() - began) / 1000;
  const { recordsRead, recordsWritten } = handle.metrics();
  await handle.stop();
  await log.close();
  const perSecond = Math.round(recordsRead / seconds);
  if (which === 'select') print({ recordsPerSecondSelected: perSecond });
  else print({ recordsPerSecond: perSecond, recordsWritten });
}

async function load(directory: string): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(bids);
  const builder = new RecordBatchBuilder();
  let maxTimestamp = 0;
  for (const bid of makeBids(records)) {
    builder.append(bid.dateTime, bids.key.encode(bid.auction), bids.value.encode(bid));
    maxTimestamp = bid.dateTime;
    if (builder.recordCount === portion) await flush();
  }
  if (builder.recordCount > 0) await flush();
  await log.close();

  async function flush(): Promise<void> {
    const { recordCount } = builder;
    const batches = builder.build();
    const target = { topic: bids.name, partition: 0 };
    await log.broker.append([{ ...target, batches, recordCount, maxTimestamp }]);
  }
}
