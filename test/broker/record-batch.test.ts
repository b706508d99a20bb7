import { describe, expect, test } from 'vitest';
import { crc32c, tableCrc32c } from '../../src/broker/crc32c.ts';
import { RecordBatchBuilder, RecordCursor } from '../../src/broker/index.ts';
import { mergeBatches } from '../../src/broker/merge-batches.ts';
import { assignOffsets, readBatchHeader, writeInt32 } from '../../src/broker/record-batch.ts';
import { readRecords, writeBatch } from './records.ts';

const ascii = (text: string) => new Uint8Array(Buffer.from(text));
const simple = { timestamp: 1000, key: ascii('k'), value: ascii('v'), headers: [] };

/** Changes a batch, and makes its checksum right again, as foreign software could. */
function changed(batch: Uint8Array, change: (bytes: Uint8Array) => void): Uint8Array {
  change(batch);
  writeInt32(batch, 17, crc32c(batch, 21, batch.length));
  return batch;
}

describe('crc32c', () => {
  test.each([
    ['123456789', Buffer.from('123456789'), 0xe3069283],
    ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 times 0xff', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['nothing', Buffer.alloc(0), 0],
  ])('has the published checksum of %s', (_name, bytes, checksum) => {
    expect(tableCrc32c(bytes, 0, bytes.length)).toBe(checksum);
    expect(crc32c(bytes, 0, bytes.length)).toBe(checksum);
  });
});

describe('a record batch', () => {
  test('has the bytes that Kafka defines', () => {
    const header = { key: 'h', value: null };
    const batch = writeBatch([
      { timestamp: 1000, key: null, value: ascii('ab'), headers: [] },
      { timestamp: 999, key: ascii(''), value: null, headers: [header] },
    ]);
    const fields = [
      '0000000000000000', // base offset
      '00000044', // length: 49 + 9 + 10
      '00000000', // leader epoch
      '02',
      Buffer.from(batch).toString('hex', 17, 21),
      '0000',
      '00000001', // last offset delta
      '00000000000003e8', // base timestamp
      '00000000000003e8', // max timestamp
      'ffffffffffffffff',
      'ffff',
      'ffffffff',
      '00000002',
      '10 00 00 00 01 04 6162 00', // length 8, timestamp +0, offset +0, no key, 2 bytes, no headers
      '12 00 01 02 00 01 02 02 68 01', // length 9, timestamp -1, offset +1, '', null, {h: null}
    ];
    expect(Buffer.from(batch).toString('hex')).toBe(fields.join('').replaceAll(' ', ''));
  });

  test('keeps offsets and timestamps of 53 bits, and the widest difference between them', () => {
    const timestamps = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, -1, 0, 2 ** 31, 2 ** 52];
    const batch = writeBatch(timestamps.map((timestamp) => ({ ...simple, timestamp })));
    const base = Number.MAX_SAFE_INTEGER - timestamps.length;
    expect(assignOffsets(batch, base)).toBe(Number.MAX_SAFE_INTEGER);
    const read = readRecords(batch);
    expect(read.map(({ timestamp }) => timestamp)).toEqual(timestamps);
    expect(read.map(({ offset }) => offset)).toEqual(timestamps.map((_, i) => base + i));
    expect(readBatchHeader(batch, 0)?.maxTimestamp).toBe(Number.MAX_SAFE_INTEGER);
  });

  test.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    'refuses the timestamp %d, and stays as it was',
    (timestamp) => {
      const builder = new RecordBatchBuilder();
      builder.append(1000, simple.key, simple.value);
      expect(() => builder.append(timestamp, null, null)).toThrow(
        expect.objectContaining({ code: 'INVALID' }),
      );
      expect(builder.build()).toStrictEqual(writeBatch([simple]));
    },
  );

  test('refuses a header key with half of a surrogate pair, and stays as it was', () => {
    const builder = new RecordBatchBuilder();
    expect(() => builder.append(1, null, null, [{ key: '\ud800', value: null }])).toThrow(
      expect.objectContaining({ code: 'ENCODE' }),
    );
    expect(builder.recordCount).toBe(0);
  });

  test('holds large headers', () => {
    const value = new Uint8Array(300_000).fill(7);
    const given = { ...simple, headers: [{ key: 'k'.repeat(200_000), value }] };
    expect(readRecords(writeBatch([given]))).toStrictEqual([{ ...given, offset: 0 }]);
  });

  test('is bytes of its own: what the builder writes next does not change it', () => {
    const builder = new RecordBatchBuilder();
    builder.append(1000, simple.key, simple.value);
    const first = builder.build();
    const copy = first.slice();
    builder.append(5, null, ascii('something else'));
    builder.build();
    expect(first).toStrictEqual(copy);
  });
});

describe('a damaged record batch', () => {
  test('is found at every bit that the checksum covers', () => {
    const batch = writeBatch([simple, { ...simple, headers: [{ key: 'h', value: ascii('x') }] }]);
    for (let bit = 16 * 8; bit < batch.length * 8; bit++) {
      const damaged = batch.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => readRecords(damaged)).toThrow(expect.objectContaining({ code: 'DAMAGED' }));
    }
  });

  test('is found wherever it is cut off', () => {
    const batch = writeBatch([simple]);
    for (let length = 1; length < batch.length; length++) {
      expect(() => readRecords(batch.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'DAMAGED' }),
      );
    }
  });

  test.each([
    ['more records than it holds', 57, 3, 'do not fill it exactly'],
    ['fewer records than it holds', 57, 1, 'do not fill it exactly'],
    ['more records than offsets', 23, 0, 'more records than offsets'],
    ['a negative number of records', 57, -1, 'more records than offsets'],
  ])('is found where it says that it has %s', (_name, position, value, message) => {
    const batch = changed(writeBatch([simple, simple]), (bytes) => {
      writeInt32(bytes, 23, 5);
      writeInt32(bytes, position, value);
    });
    expect(() => readRecords(batch)).toThrow(message);
  });

  test('is found where a key is longer than its record', () => {
    const batch = changed(writeBatch([simple]), (bytes) => {
      bytes[61 + 4] = 0x7e; // 63 bytes
    });
    const cursor = new RecordCursor();
    cursor.reset(batch);
    expect(() => cursor.next()).toThrow('do not fill it exactly');
    expect(() => cursor.next()).toThrow('do not fill it exactly');
  });

  test('is found where there are more headers than bytes', () => {
    const batch = changed(writeBatch([simple]), (bytes) => {
      bytes[bytes.length - 1] = 0x7e;
    });
    expect(() => readRecords(batch)).toThrow('do not fill it exactly');
  });

  test('a cursor that met it reads other bytes after a reset', () => {
    const cursor = new RecordCursor();
    cursor.reset(writeBatch([simple]).subarray(1));
    expect(() => cursor.next()).toThrow(expect.objectContaining({ code: 'DAMAGED' }));
    cursor.reset(writeBatch([simple]));
    expect([cursor.next(), cursor.next()]).toEqual([true, false]);
  });
});

test.each([
  [0x01, 'compression gzip'],
  [0x04, 'compression zstd'],
  [0x07, 'compression number 7'],
  [0x08, 'log append time'],
  [0x10, 'a transaction'],
  [0x20, 'a control record'],
  [0x40, 'a delete horizon'],
  [0x80, 'unknown bits'],
])('a batch with the attributes %i is refused by name: %s', (attributes, name) => {
  const batch = changed(writeBatch([simple]), (bytes) => {
    bytes[22] = attributes;
  });
  expect(() => readRecords(batch)).toThrow(
    expect.objectContaining({ code: 'DECODE', message: expect.stringContaining(`has ${name},`) }),
  );
});

describe('mergeBatches', () => {
  const at = (offset: number) => {
    const batch = writeBatch([simple]);
    assignOffsets(batch, offset);
    return batch;
  };

  test('makes one batch of batches that follow one another', () => {
    const merged = mergeBatches([at(7), at(8), at(9)], 4096);
    expect(merged.map((batch) => readBatchHeader(batch, 0)?.baseOffset)).toEqual([7]);
  });

  test('keeps apart what does not follow', () => {
    const merged = mergeBatches([at(7), at(9), at(10)], 4096);
    expect(merged.map((batch) => readBatchHeader(batch, 0)?.baseOffset)).toEqual([7, 9]);
  });

  test('keeps a batch whose offsets have gaps, byte for byte', () => {
    const gaps = changed(at(1), (bytes) => writeInt32(bytes, 23, 3));
    const merged = mergeBatches([at(0), gaps, at(5)], 4096);
    expect(merged).toHaveLength(3);
    expect(merged[1]).toBe(gaps);
  });
});
