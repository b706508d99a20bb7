/**
 * Murmur2, bit for bit as Kafka computes it (seed 0x9747b28c), so that a key goes to the same
 * partition here and there.
 * Source: org.apache.kafka.common.utils.Utils.murmur2.
 */
const seed = 0x9747b28c;
const multiplier = 0x5bd1e995;

/** A signed 32-bit hash. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  let hash = seed ^ length;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    let k =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    k = Math.imul(k, multiplier);
    k ^= k >>> 24;
    hash = Math.imul(hash, multiplier) ^ Math.imul(k, multiplier);
  }
  const rest = length - i;
  if (rest >= 3) hash ^= (bytes[i + 2] as number) << 16;
  if (rest >= 2) hash ^= (bytes[i + 1] as number) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ (bytes[i] as number), multiplier);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, multiplier);
  return hash ^ (hash >>> 15);
}

/** The hash of a key as a number from 0. */
export function positiveHash(key: Uint8Array): number {
  return murmur2(key) & 0x7fffffff;
}

/** The partition that Kafka's default partitioner gives a key. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return positiveHash(key) % partitions;
}
