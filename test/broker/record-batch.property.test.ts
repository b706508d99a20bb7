/**
 * Properties of record batches:
 * 1. What the builder was given, the cursor gives back, over any number of batches.
 * 2. A flip of any bit that the checksum covers is found, and so is a batch that is cut off.
 * 3. kafkajs, an independent implementation, reads what is written here, and the reverse.
 * 4. Merging small batches changes no record: offset, timestamp, key, value, headers.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c, tableCrc32c } from '../../src/broker/crc32c.ts';
import { type Header, RecordBatchBuilder, RecordCursor } from '../../src/broker/index.ts';
import { mergeBatches } from '../../src/broker/merge-batches.ts';
import { assignOffsets, readBatchHeader } from '../../src/broker/record-batch.ts';
import { decodeWithKafkajs, encodeWithKafkajs } from './kafkajs.ts';
import { type GivenRecord, readRecords, writeBatch } from './records.ts';

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Uint8Array.from(array));
const bytesOrNull = fc.option(bytes);
const text = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed());
const header: fc.Arbitrary<Header> = fc.record(
  { key: text, value: bytesOrNull },
  { noNullPrototype: true },
);
const timestamp = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  fc.integer({ min: -1, max: 2 ** 42 }),
  fc.maxSafeInteger(),
);
const record: fc.Arbitrary<GivenRecord> = fc.record(
  {
    timestamp,
    key: bytesOrNull,
    value: bytesOrNull,
    headers: fc.array(header, { maxLength: 3 }),
  },
  { noNullPrototype: true },
);
const batch = fc.array(record, { minLength: 1, maxLength: 20 });
const batches = fc.array(batch, { minLength: 1, maxLength: 8 });
const offset = fc.oneof(fc.nat(), fc.integer({ min: 2 ** 31, max: 2 ** 53 - 1000 }));

/** Back-to-back batches from `base` on, and the records as they should be read. */
function writeBatches(given: readonly GivenRecord[][], base: number) {
  const written = given.map(writeBatch);
  const all = Uint8Array.from(Buffer.concat(written));
  const end = assignOffsets(all, base);
  return { all, end, records: given.flat().map((r, i) => ({ ...r, offset: base + i })) };
}

test('the cursor gives back what the builder was given', () => {
  fc.assert(
    fc.property(batches, offset, (given, base) => {
      const { all, end, records } = writeBatches(given, base);
      expect(readRecords(all)).toStrictEqual(records);
      expect(end).toBe(base + records.length);
      const header = readBatchHeader(all, 0);
      expect(header).toMatchObject({
        baseOffset: base,
        recordCount: given[0]?.length,
        baseTimestamp: given[0]?.[0]?.timestamp,
        maxTimestamp: Math.max(...(given[0] ?? []).map((r) => r.timestamp)),
      });
    }),
  );
});

test('a builder that is used again writes the same bytes as a new one', () => {
  fc.assert(
    fc.property(batch, batch, (first, second) => {
      const builder = new RecordBatchBuilder();
      for (const r of first) builder.append(r.timestamp, r.key, r.value, r.headers);
      builder.build();
      for (const r of second) builder.append(r.timestamp, r.key, r.value, r.headers);
      expect(builder.byteLength).toBe(writeBatch(second).length);
      expect(builder.build()).toStrictEqual(writeBatch(second));
    }),
  );
});

const firstCheckedByte = 16; // magic; the checksum itself; all that it covers

test('a flipped bit is found, whichever it is', () => {
  fc.assert(
    fc.property(batch, fc.nat(), (given, at) => {
      const damaged = writeBatch(given);
      const bit = firstCheckedByte * 8 + (at % ((damaged.length - firstCheckedByte) * 8));
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => readRecords(damaged)).toThrow(expect.objectContaining({ code: 'DAMAGED' }));
    }),
    { numRuns: 300 },
  );
});

test('a batch that is cut off is found, and the error names its first byte', () => {
  fc.assert(
    fc.property(batch, batch, fc.nat(), (first, second, at) => {
      const whole = writeBatch(first);
      const all = Buffer.concat([whole, writeBatch(second)]);
      const cut = whole.length + 1 + (at % (all.length - whole.length - 1));
      const cursor = new RecordCursor();
      cursor.reset(all.subarray(0, cut));
      for (let i = 0; i < first.length; i++) expect(cursor.next()).toBe(true);
      const damage = expect.objectContaining({
        code: 'DAMAGED',
        message: expect.stringContaining(`at byte ${whole.length} `),
      });
      expect(() => cursor.next()).toThrow(damage);
      expect(() => cursor.next()).toThrow(damage);
    }),
  );
});

test('kafkajs reads what is written here', async () => {
  const readable = batch.map((given) =>
    given.map((r) => ({ ...r, headers: r.headers.filter(({ key }) => !(key in {})) })),
  );
  await fc.assert(
    fc.asyncProperty(readable, offset, async (given, base) => {
      const { all, records } = writeBatches([given], base);
      expect(await decodeWithKafkajs(all)).toStrictEqual(records.map(asInKafkajs));
    }),
  );
});

test('what kafkajs writes is read here, and is the same bytes', async () => {
  // kafkajs can't write a header without a value, and keeps headers in an object.
  const writable = batch.map((given) => given.map((r) => ({ ...r, headers: distinct(r.headers) })));
  await fc.assert(
    fc.asyncProperty(writable, offset, async (given, base) => {
      const theirs = await encodeWithKafkajs(given, base);
      const { all, records } = writeBatches([given], base);
      expect(readRecords(theirs)).toStrictEqual(records);
      expect(Buffer.compare(theirs, all)).toBe(0);
    }),
  );
});

/** kafkajs puts headers into an object, which loses order, and what is named as its methods are. */
function asInKafkajs(given: GivenRecord & { readonly offset: number }) {
  const headers: Record<string, Uint8Array | null | (Uint8Array | null)[]> = {};
  for (const { key, value } of given.headers) {
    const before = headers[key];
    headers[key] =
      before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
  }
  return { ...given, headers };
}

function distinct(headers: readonly Header[]): Header[] {
  // Names of digits would change places in an object.
  const named = headers.filter(
    ({ key, value }) => value !== null && !(key in {}) && !/^\d/.test(key),
  );
  return [...new Map(named.map((h) => [h.key, h])).values()];
}

test('merging changes no record', () => {
  const sizes = fc.integer({ min: 100, max: 3000 });
  fc.assert(
    fc.property(batches, offset, sizes, fc.nat(7), (given, base, bytesMax, gapAt) => {
      let next = base;
      const written = given.map((records, i) => {
        const one = writeBatch(records);
        next = assignOffsets(one, i === gapAt ? next + 5 : next);
        return one;
      });
      const merged = mergeBatches(written, bytesMax);
      expect(readRecords(Buffer.concat(merged))).toStrictEqual(readRecords(Buffer.concat(written)));
      expect(merged.length).toBeLessThanOrEqual(written.length);
      for (const one of written.filter(({ length }) => length >= bytesMax / 2)) {
        expect(merged).toContain(one);
      }
      for (const one of merged) {
        expect(one.length <= bytesMax || written.includes(one)).toBe(true);
      }
    }),
  );
});

test('the checksum is the same from native code and from the table, for any range', () => {
  const long = fc.uint8Array({ maxLength: 700 });
  fc.assert(
    fc.property(long, fc.nat(20), (given, start) => {
      const from = Math.min(start, given.length);
      expect(crc32c(given, from, given.length)).toBe(tableCrc32c(given, from, given.length));
    }),
  );
});
