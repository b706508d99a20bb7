/**
 * The record batch: Kafka's format v2, byte for byte, so that a topic can move to Kafka and other
 * clients can be served. Source: https://kafka.apache.org/documentation/#recordbatch. All numbers
 * are big-endian.
 *
 *   byte   size  field
 *   0      8     base offset                       set at the append; not covered by the checksum
 *   8      4     length of what follows
 *   12     4     partition leader epoch (0)        not covered by the checksum
 *   16     1     magic (2)
 *   17     4     CRC-32C of bytes 21 to the end
 *   21     2     attributes: bits 0-2 compression, 3 timestamp type, 4 transactional, 5 control
 *   23     4     last offset delta
 *   27     8     base timestamp
 *   35     8     max timestamp
 *   43     8     producer id (-1)
 *   51     2     producer epoch (-1)
 *   53     4     base sequence (-1)
 *   57     4     number of records
 *   61           records, back to back:
 *
 *   varint length of what follows; 1 byte attributes (0); varlong timestamp delta;
 *   varint offset delta;
 *   varint key length (-1: null), key; varint value length (-1: null), value;
 *   varint number of headers, each: varint key length, key; varint value length (-1: null), value
 *
 * Varints are zigzag. A batch is valid if it is whole, its magic is 2, its checksum is right, and
 * its records fill it exactly. Offsets may have gaps, so the last offset delta counts, not the
 * number of records. A reader of a damaged batch stops with `DAMAGED` and the byte: nothing is
 * skipped. What other attributes than 0 mean (compression, transactions, ...) is refused by name.
 */
import { assert, MillraceError } from '../platform/index.ts';
import { crc32c } from './crc32c.ts';

export const batchHeaderBytes = 61;
/** Base offset and length stand before what the length counts. */
const lengthPrefixBytes = 12;
const magicByte = 2;

/** Positions of the fields, from the table above. */
export const batchField = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

export interface BatchHeader {
  readonly baseOffset: number;
  /** Of the whole batch, the first 12 bytes included. */
  readonly byteLength: number;
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly recordCount: number;
}

/**
 * The header at `position`; undefined where fewer bytes than a header are left, or its length can't
 * be. Nothing of it is checked yet.
 */
export function readBatchHeader(bytes: Uint8Array, position: number): BatchHeader | undefined {
  if (position + batchHeaderBytes > bytes.length) return undefined;
  const byteLength = lengthPrefixBytes + readInt32(bytes, position + batchField.length);
  if (byteLength < batchHeaderBytes) return undefined;
  return {
    baseOffset: readInt64(bytes, position + batchField.baseOffset),
    byteLength,
    attributes: readInt32(bytes, position + batchField.attributes - 2) & 0xffff,
    lastOffsetDelta: readInt32(bytes, position + batchField.lastOffsetDelta),
    baseTimestamp: readInt64(bytes, position + batchField.baseTimestamp),
    maxTimestamp: readInt64(bytes, position + batchField.maxTimestamp),
    recordCount: readInt32(bytes, position + batchField.recordCount),
  };
}

/** Where a byte lies, for errors. */
export type PlaceOf = (byte: number) => string;

/** For bytes that come from nowhere in particular. */
export const byteAlone: PlaceOf = (byte) => `byte ${byte}`;

/** Fails with `DAMAGED` or, for what is not built yet, `DECODE`, naming the place. */
export function checkBatch(
  bytes: Uint8Array,
  position: number,
  placeOf: PlaceOf = byteAlone,
): BatchHeader {
  const header = readBatchHeader(bytes, position);
  if (header === undefined || position + header.byteLength > bytes.length) {
    throw damaged(placeOf(position), 'it is not whole');
  }
  if (bytes[position + batchField.magic] !== magicByte) {
    throw damaged(placeOf(position), 'its magic is not 2');
  }
  const end = position + header.byteLength;
  const expected = readInt32(bytes, position + batchField.crc) >>> 0;
  if (crc32c(bytes, position + batchField.attributes, end) !== expected) {
    throw damaged(placeOf(position), 'its checksum is wrong');
  }
  if (header.attributes !== 0) throw notSupported(placeOf(position), header.attributes);
  if (header.recordCount < 0 || header.lastOffsetDelta < header.recordCount - 1) {
    throw damaged(placeOf(position), 'it has more records than offsets');
  }
  return header;
}

/** Sets the offsets of back-to-back batches, in place; returns the offset after the last record. */
export function assignOffsets(bytes: Uint8Array, baseOffset: number): number {
  let offset = baseOffset;
  for (let position = 0; position < bytes.length; ) {
    const header = readBatchHeader(bytes, position);
    assert(header !== undefined, 'what is appended are whole batches');
    writeInt64(bytes, position + batchField.baseOffset, offset);
    offset += header.lastOffsetDelta + 1;
    position += header.byteLength;
  }
  return offset;
}

const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
/** Bits of the attributes from the fourth on. */
const features = ['log append time', 'a transaction', 'a control record', 'a delete horizon'];

function notSupported(place: string, attributes: number): MillraceError {
  const compression = attributes & 0x07;
  const name = compressions[compression] ?? `number ${compression}`;
  const feature = features.find((_, bit) => (attributes & (0x08 << bit)) !== 0) ?? 'unknown bits';
  const what = compression !== 0 ? `compression ${name}` : feature;
  return new MillraceError(
    'DECODE',
    `The record batch at ${place} has ${what}, which is not supported yet; ` +
      'write the topic without it.',
  );
}

export function damaged(place: string, what: string): MillraceError {
  return new MillraceError(
    'DAMAGED',
    `The record batch at ${place} is damaged: ${what}. Restore the directory from a backup.`,
  );
}

const high = 2 ** 32;

export function readInt32(bytes: Uint8Array, position: number): number {
  return (
    ((bytes[position] as number) << 24) |
    ((bytes[position + 1] as number) << 16) |
    ((bytes[position + 2] as number) << 8) |
    (bytes[position + 3] as number)
  );
}

/** Exact within 53 bits and a sign. */
export function readInt64(bytes: Uint8Array, position: number): number {
  return readInt32(bytes, position) * high + (readInt32(bytes, position + 4) >>> 0);
}

export function writeInt32(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 24;
  bytes[position + 1] = value >>> 16;
  bytes[position + 2] = value >>> 8;
  bytes[position + 3] = value;
}

/** Exact within 53 bits and a sign. */
export function writeInt64(bytes: Uint8Array, position: number, value: number): void {
  const upper = Math.floor(value / high);
  writeInt32(bytes, position, upper);
  writeInt32(bytes, position + 4, value - upper * high);
}
