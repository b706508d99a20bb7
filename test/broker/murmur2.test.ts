import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { murmur2, partitionOf } from '../../src/broker/index.ts';

/** An independent implementation; no part of the published types. */
const kafkajsMurmur2 = createRequire(import.meta.url)(
  'kafkajs/src/producer/partitioners/default/murmur2.js',
) as (key: Buffer) => number;

test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('%s has the hash that Kafka publishes for it', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash);
});

test('hashes as kafkajs does, and takes the partition that its partitioner takes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.integer({ min: 1, max: 500 }), (key, n) => {
      const theirs = kafkajsMurmur2(Buffer.from(key));
      expect(murmur2(key)).toBe(theirs);
      expect(partitionOf(key, n)).toBe((theirs & 0x7fffffff) % n);
    }),
    { numRuns: 500 },
  );
});
