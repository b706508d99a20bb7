/** Records as plain objects, written to and read from batches. */
import { type Header, RecordBatchBuilder, RecordCursor } from '../../src/broker/index.ts';

export interface GivenRecord {
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly Header[];
}

export interface ReadRecord extends GivenRecord {
  readonly offset: number;
}

/** One batch with base offset 0. */
export function writeBatch(records: readonly GivenRecord[]): Uint8Array {
  const builder = new RecordBatchBuilder();
  for (const { timestamp, key, value, headers } of records) {
    builder.append(timestamp, key, value, headers);
  }
  return builder.build();
}

/** All records of back-to-back batches. */
export function readRecords(bytes: Uint8Array): ReadRecord[] {
  const cursor = new RecordCursor();
  cursor.reset(bytes);
  const records: ReadRecord[] = [];
  while (cursor.next()) {
    const { timestamp, offset, keyStart, keyEnd, valueStart, valueEnd } = cursor;
    records.push({
      timestamp,
      key: keyStart < 0 ? null : Uint8Array.from(bytes.subarray(keyStart, keyEnd)),
      value: valueStart < 0 ? null : Uint8Array.from(bytes.subarray(valueStart, valueEnd)),
      headers: cursor.headers(),
      offset,
    });
  }
  return records;
}
