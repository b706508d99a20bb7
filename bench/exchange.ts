/**
 * Records of 100 bytes through an internal topic, from one thread to another: what the path between
 * two tasks can do. The sending thread makes batches as a task does and hands them to the committer
 * in the main thread; the receiving thread follows the log and looks at each record.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import {
  openThreadBroker,
  RecordBatchBuilder,
  RecordCursor,
  serveThread,
} from '../src/broker/index.ts';
import { nodePlatform, openChannel, portOf } from '../src/platform/index.ts';
import { openLog } from '../src/runtime/index.ts';
import { inDirectory, print } from './figures.ts';

const records = 15_000_000;
const recordBytes = 100;
/** What an epoch of 50 ms has, at this rate. */
const epochRecords = 50_000;
const target = { topic: '__between', partition: 0 };

if (isMainThread) await inDirectory(measure);
else await (workerData.role === 'send' ? send() : receive());

async function measure(directory: string): Promise<void> {
  const log = await openLog(directory);
  await log.broker.createTopic(target.topic, { internal: true });
  const began = performance.now();
  await Promise.all(['receive', 'send'].map((role) => runThread(role, directory, log.broker)));
  const seconds = (performance.now() - began) / 1000;
  await log.close();
  print({ recordsPerSecond: Math.round(records / seconds) });
}

function runThread(
  role: string,
  directory: string,
  broker: Parameters<typeof serveThread>[0],
): Promise<void> {
  const { port, other } = openChannel();
  const served = serveThread(broker, port);
  const worker = new Worker(import.meta.filename, {
    workerData: { role, directory, log: other },
    transferList: [other],
  });
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', () => served.close().then(resolve, reject));
  });
}

function openBroker() {
  return openThreadBroker(nodePlatform(), workerData.directory, portOf(workerData.log));
}

async function send(): Promise<void> {
  const broker = await openBroker();
  const value = Buffer.alloc(recordBytes, 'x');
  for (let sent = 0; sent < records; sent += epochRecords) {
    const builder = new RecordBatchBuilder(epochRecords * (recordBytes + 16));
    for (let i = 0; i < epochRecords; i++) builder.append(sent + i, null, value);
    const { recordCount, maxTimestamp } = builder;
    await broker.append([{ ...target, batches: builder.build(), recordCount, maxTimestamp }]);
  }
  await broker.close();
}

async function receive(): Promise<void> {
  const broker = await openBroker();
  const cursor = new RecordCursor();
  let seen = 0;
  let offset = 0;
  await new Promise<void>((resolve) => {
    const read = () => {
      for (;;) {
        const batches = broker.read(target, offset, 256 * 1024);
        if (batches === undefined) break;
        cursor.reset(batches.bytes, batches.placeOf);
        while (cursor.next()) seen++;
        offset = cursor.endOffset();
      }
      if (seen >= records) resolve();
    };
    broker.subscribe(read);
    read();
  });
  await broker.close();
}
