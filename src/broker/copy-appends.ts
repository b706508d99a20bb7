/** Appends on their way to another thread. */
import type { Append } from './broker.ts';

/**
 * In one buffer that can be handed over: views of a pooled one would be sent with all of it.
 */
export function copyAppends(appends: readonly Append[]): {
  readonly copied: readonly Append[];
  readonly buffer: ArrayBuffer;
} {
  const bytes = new Uint8Array(appends.reduce((sum, { batches }) => sum + batches.length, 0));
  let position = 0;
  const copied = appends.map(({ topic, partition, batches, recordCount, maxTimestamp }) => {
    const own = bytes.subarray(position, position + batches.length);
    own.set(batches);
    position += batches.length;
    return { topic, partition, batches: own, recordCount, maxTimestamp };
  });
  return { copied, buffer: bytes.buffer };
}
