/** What a simulation writes to the log, and what it finds there. */
import { type MemoryBroker, RecordBatchBuilder, RecordCursor } from '../../src/broker/index.ts';
import { recordAt } from '../../src/runtime/index.ts';
import { type InputRecord, type Output, type Outputs, outTopics, topics } from './shapes.ts';

export function appendAll(log: MemoryBroker, records: readonly InputRecord[]): void {
  for (const { topic, partition, time, id, key, group } of records) {
    const builder = new RecordBatchBuilder();
    const { key: keys, value: values } = topics[topic];
    builder.append(time, keys.encode(key), values.encode({ id, key, group }));
    const at = { topic, partition, recordCount: 1, maxTimestamp: time };
    log.appendNow([{ ...at, batches: builder.build() }]);
  }
}

export function readOutputs(log: MemoryBroker): Outputs {
  log.appendNow([]); // sees what processes have written last
  return new Map(outTopics.map((topic) => [topic, readTopic(log, topic)]));
}

/** Fails where offsets are not those from 0 on. */
function readTopic(log: MemoryBroker, name: (typeof outTopics)[number]): Output[] {
  const { partitions = [] } = log.describeTopic(name) ?? {};
  return partitions.flatMap(({ partition }) => {
    const records: Output[] = [];
    for (const cursor of recordsOf(log, { topic: name, partition })) {
      records.push(recordAt(cursor, topics[name], partition));
    }
    for (const [i, { offset }] of records.entries()) {
      if (offset !== i) throw new Error(`${name}/${partition} has offset ${offset} after ${i - 1}`);
    }
    return records;
  });
}

/** Where the watermark of a task has gone back, from one commit of it to the next. */
export function watermarksGoneBack(log: MemoryBroker, tasks: readonly string[]): string[] {
  return tasks.flatMap((task) => {
    const watermarks = watermarksOf(log, task);
    return watermarks.flatMap((watermark, i) => {
      const before = watermarks[i - 1] ?? watermark;
      return watermark < before ? [`watermark of ${task}: from ${before} to ${watermark}`] : [];
    });
  });
}

/** As its changelog has them, in its snapshots of time. */
function watermarksOf(log: MemoryBroker, task: string): number[] {
  const partition = { topic: `__${task}-changelog`, partition: 0 };
  const watermarks: number[] = [];
  if (log.describeTopic(partition.topic) === undefined) return watermarks;
  for (const { bytes, valueStart, valueEnd } of recordsOf(log, partition)) {
    if (valueStart < 0) continue;
    const text = Buffer.from(bytes.subarray(valueStart, valueEnd)).toString();
    const found = /"watermark":(-?\d+|null),"settled"/.exec(text)?.[1];
    if (found === undefined) continue;
    watermarks.push(found === 'null' ? Number.NEGATIVE_INFINITY : Number(found));
  }
  return watermarks;
}

function* recordsOf(
  log: MemoryBroker,
  partition: { readonly topic: string; readonly partition: number },
): Generator<RecordCursor> {
  const cursor = new RecordCursor();
  for (let offset = log.startOf(partition); ; offset = cursor.endOffset()) {
    const batches = log.read(partition, offset, 1024 * 1024);
    if (batches === undefined) return;
    cursor.reset(batches.bytes, batches.placeOf);
    while (cursor.next()) if (cursor.offset >= offset) yield cursor;
  }
}
