/**
 * Makes few large batches out of many small ones: same records, offsets, timestamps and headers, in
 * the same order.
 */
import { type BatchHeader, batchField, checkBatch, writeInt64 } from './record-batch.ts';
import { RecordBatchBuilder } from './record-batch-builder.ts';
import { RecordCursor } from './record-cursor.ts';

/**
 * Batches of half of `bytesMax` and more stay as they are, byte for byte; so does a batch whose
 * offsets have gaps. The others are merged while they follow on without a gap and stay below
 * `bytesMax`.
 */
export function mergeBatches(batches: readonly Uint8Array[], bytesMax: number): Uint8Array[] {
  const merged: Uint8Array[] = [];
  const builder = new RecordBatchBuilder(bytesMax);
  const cursor = new RecordCursor();
  let base = 0;
  const flush = () => {
    if (builder.recordCount === 0) return;
    merged.push(withBaseOffset(builder.build(), base));
  };
  for (const batch of batches) {
    const header = checkBatch(batch, 0);
    if (batch.length >= bytesMax / 2 || !isPlain(header)) {
      flush();
      merged.push(batch);
      continue;
    }
    const follows = header.baseOffset === base + builder.recordCount;
    if (builder.recordCount > 0 && (!follows || builder.byteLength + batch.length > bytesMax))
      flush();
    if (builder.recordCount === 0) base = header.baseOffset;
    cursor.reset(batch);
    while (cursor.next()) {
      builder.appendBody(cursor.timestamp, batch.subarray(cursor.bodyStart, cursor.bodyEnd));
    }
  }
  flush();
  return merged;
}

/** No gaps, and the attributes that the builder writes. */
function isPlain(header: BatchHeader): boolean {
  return header.recordCount === header.lastOffsetDelta + 1 && header.attributes === 0;
}

function withBaseOffset(batch: Uint8Array, base: number): Uint8Array {
  writeInt64(batch, batchField.baseOffset, base);
  return batch;
}
