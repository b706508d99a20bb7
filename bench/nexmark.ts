/**
 * Queries of Nexmark over the same 2,000,000 events in a topic: CPU seconds of all threads per
 * million events. The results are computed and counted, and neither encoded nor written, as by the
 * blackhole of Flink. All input is there when a query begins, and it ends when all windows have
 * fired. The events are made by another process, and each query runs in one of its own.
 *
 * Beside them: how long it takes only to read the records and parse their JSON.
 *
 *   node bench/nexmark.ts [QUERY,QUERY...] [events a second of event time]
 */
import { execFileSync } from 'node:child_process';
import {
  job,
  json,
  keyJson,
  openLog,
  RecordBatchBuilder,
  RecordCursor,
  run,
  topic,
} from 'millrace';
import { inDirectory, print, round } from './figures.ts';
import { nexmark, timeOf } from './nexmark/events.ts';
import { EventGenerator } from './nexmark/generator.ts';
import { type Query, queries } from './nexmark/queries.ts';

const events = 2_000_000;
const batchBytes = 1024 * 1024;
const nothing = topic('nothing', { key: keyJson<unknown>(), value: json<unknown>() });
const all: Readonly<Record<string, Query>> = queries;

const [what = 'all', rate = '100000', directory = ''] = process.argv.slice(2);
if (directory === '') await inDirectory(measureAll);
else if (what === 'load') await load();
else if (what === 'parse') await measureParsing();
else await measure(what, all[what] ?? queries.q0);

async function measureAll(at: string): Promise<void> {
  runAlone('load', at);
  const names = what === 'all' ? [...Object.keys(queries), 'parse'] : what.split(',');
  let figures: Record<string, number> = {};
  for (const name of names) figures = { ...figures, ...JSON.parse(runAlone(name, at)) };
  print(figures);
}

function runAlone(name: string, at: string): string {
  return execFileSync(
    process.execPath,
    [...process.execArgv, import.meta.filename, name, rate, at],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
    },
  );
}

async function measure(name: string, query: Query): Promise<void> {
  let results = 0;
  const nexmarkJob = job(name, ({ from }) => {
    query(from(nexmark, { outOfOrderness: '4s', quietAfter: 'off' }))
      .filter(() => {
        results++;
        return false;
      })
      .to(nothing);
  });
  const log = await openLog(directory);
  const began = process.cpuUsage();
  const handle = await run(nexmarkJob, { data: log });
  await handle.stop({ drain: true });
  print({ [name]: cpuPerMillion(began), [`${name}Results`]: results });
  await log.close();
}

async function measureParsing(): Promise<void> {
  const log = await openLog(directory);
  const began = process.cpuUsage();
  const cursor = new RecordCursor();
  for (let offset = 0; ; offset = cursor.endOffset()) {
    const batches = log.broker.read({ topic: nexmark.name, partition: 0 }, offset, 256 * 1024);
    if (batches === undefined) break;
    cursor.reset(batches.bytes);
    while (cursor.next()) nexmark.value.decode(cursor.bytes, cursor.valueStart, cursor.valueEnd);
  }
  print({ parse: cpuPerMillion(began) });
  await log.close();
}

function cpuPerMillion(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return round((user + system) / events); // microseconds an event
}

async function load(): Promise<void> {
  const log = await openLog(directory);
  await log.createTopic(nexmark);
  const builder = new RecordBatchBuilder(2 * batchBytes);
  const target = { topic: nexmark.name, partition: 0 };
  let maxTimestamp = 0;
  for (const event of new EventGenerator({ rate: Number(rate) }).take(events)) {
    maxTimestamp = timeOf(event);
    builder.append(maxTimestamp, null, nexmark.value.encode(event));
    if (builder.byteLength >= batchBytes) await flush();
  }
  if (builder.recordCount > 0) await flush();
  await log.close();

  async function flush(): Promise<void> {
    const { recordCount } = builder;
    const batches = builder.build();
    await log.broker.append([{ ...target, batches, recordCount, maxTimestamp }]);
  }
}
