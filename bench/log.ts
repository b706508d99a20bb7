/**
 * Append 100-byte records in batches of 1,000, a commit per 4 MiB; then read them back and check
 * every batch. Beside it the machine's limits: as many bytes through plain writes and fdatasync, and
 * through plain reads and the checksum.
 */
import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { bytes, openLog, RecordBatchBuilder, RecordCursor, topic } from 'millrace';
import { inDirectory, print } from './figures.ts';

const records = 5_000_000;
const batchRecords = 1000;
const commitBytes = 4 * 1024 * 1024;
/** In the log, with the record's own fields. */
const recordBytes = 109;
const target = { topic: 'log', partition: 0 };

await inDirectory(async (directory) => {
  const log = await openLog(directory);
  await log.createTopic(topic('log', { key: bytes(), value: bytes() }));
  const began = performance.now();
  await append(log.broker);
  const appended = performance.now();
  const read = readAll(log.broker);
  const ended = performance.now();
  if (read !== records) throw new Error(`read ${read} records of ${records}`);
  await log.close();
  const limits = plainFile(join(directory, 'plain'));
  print({
    append: Math.round((records / (appended - began)) * 1000),
    read: Math.round((records / (ended - appended)) * 1000),
    ...limits,
  });
});

async function append(broker: Awaited<ReturnType<typeof openLog>>['broker']): Promise<void> {
  const builder = new RecordBatchBuilder(128 * 1024);
  const value = Buffer.alloc(84, 'v');
  const key = Buffer.alloc(16, 'k');
  const timestamp = Date.now();
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let waitingRecords = 0;
  for (let sent = 0; sent < records; ) {
    for (let i = 0; i < batchRecords; i++, sent++) {
      key.writeUInt32LE(sent, 0);
      builder.append(timestamp, key, value);
    }
    waitingRecords += batchRecords;
    const batch = builder.build();
    waiting.push(batch);
    waitingBytes += batch.length;
    if (waitingBytes < commitBytes && sent < records) continue;
    const batches = Buffer.concat(waiting);
    await broker.append([
      { ...target, batches, recordCount: waitingRecords, maxTimestamp: timestamp },
    ]);
    waiting = [];
    waitingBytes = 0;
    waitingRecords = 0;
  }
}

function readAll(broker: Awaited<ReturnType<typeof openLog>>['broker']): number {
  const cursor = new RecordCursor();
  let count = 0;
  let sum = 0;
  for (let offset = 0; ; offset = cursor.endOffset()) {
    const batches = broker.read(target, offset, 1024 * 1024);
    if (batches === undefined) break;
    cursor.reset(batches.bytes);
    while (cursor.next()) {
      count++;
      sum += cursor.valueEnd - cursor.valueStart;
    }
  }
  if (sum !== count * 84) throw new Error('a value has another length');
  return count;
}

/** Records a second that a file alone would allow. */
function plainFile(path: string): { limitAppend: number; limitRead: number } {
  const portion = Buffer.alloc(commitBytes, 'v');
  const portions = Math.ceil((records * recordBytes) / commitBytes);
  const file = openSync(path, 'w+');
  const began = performance.now();
  for (let i = 0; i < portions; i++) {
    writeSync(file, portion, 0, commitBytes, i * commitBytes);
    fdatasyncSync(file);
  }
  const written = performance.now();
  for (let i = 0; i < portions; i++) {
    const bytes = Buffer.allocUnsafeSlow(commitBytes);
    readSync(file, bytes, 0, commitBytes, i * commitBytes);
    crc32c(bytes);
  }
  const ended = performance.now();
  closeSync(file);
  return {
    limitAppend: Math.round((records / (written - began)) * 1000),
    limitRead: Math.round((records / (ended - written)) * 1000),
  };
}
