/** Writes records into one batch, straight into a buffer that grows. The hottest writer of the project: no objects. */

import { crc32c } from './crc32c.ts';
import { batchField, batchHeaderBytes, writeInt32, writeInt64 } from './record-batch.ts';

/** A header of a record. */
export interface Header {
  readonly key: string;
  readonly value: Uint8Array | null;
}

const noHeaders: readonly Header[] = [];

/** Longer than every varint of a record together with its attributes: 5 + 1 + 10 + 5 + 5 + 5 + 5. */
const recordOverheadMax = 36;

/** Shorter copies are faster byte by byte than through TypedArray.set. */
const byteLoopMax = 48;

export class RecordBatchBuilder {
  #bytes: Uint8Array;
  #position = batchHeaderBytes;
  #recordCount = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  constructor(initialBytes = 1024) {
    this.#bytes = new Uint8Array(Math.max(initialBytes, batchHeaderBytes));
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  /** Bytes of the batch if it were built now. */
  get byteLength(): number {
    return this.#position;
  }

  /** The largest timestamp so far, in ms. */
  get maxTimestamp(): number {
    return this.#maxTimestamp;
  }

  /** `timestamp` in whole ms. Copies what it is given. */
  append(
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly Header[] = noHeaders,
  ): void {
    if (this.#recordCount === 0) {
      this.#baseTimestamp = timestamp;
      this.#maxTimestamp = timestamp;
    } else if (timestamp > this.#maxTimestamp) {
      this.#maxTimestamp = timestamp;
    }
    const timestampDelta = timestamp - this.#baseTimestamp;
    const encodedHeaders = headers.length === 0 ? undefined : encodeHeaders(headers);
    const headersBytes = encodedHeaders === undefined ? 1 : encodedHeaders.length;
    const keyBytes = key === null ? 0 : key.length;
    const valueBytes = value === null ? 0 : value.length;
    const length =
      1 +
      varlongSize(timestampDelta) +
      varintSize(this.#recordCount) +
      varintSize(key === null ? -1 : keyBytes) +
      keyBytes +
      varintSize(value === null ? -1 : valueBytes) +
      valueBytes +
      headersBytes;
    this.#reserve(recordOverheadMax + length);
    this.#varint(length);
    this.#bytes[this.#position++] = 0;
    this.#varlong(timestampDelta);
    this.#varint(this.#recordCount);
    this.#field(key);
    this.#field(value);
    if (encodedHeaders === undefined) this.#bytes[this.#position++] = 0;
    else this.#copy(encodedHeaders);
    this.#recordCount++;
  }

  /** One batch with base offset 0, in bytes of its own; the builder is empty afterwards. */
  build(): Uint8Array {
    const bytes = this.#bytes;
    const end = this.#position;
    writeInt64(bytes, batchField.baseOffset, 0);
    writeInt32(bytes, batchField.length, end - 12);
    writeInt32(bytes, batchField.leaderEpoch, 0);
    bytes[batchField.magic] = 2;
    bytes[batchField.attributes] = 0;
    bytes[batchField.attributes + 1] = 0;
    writeInt32(bytes, batchField.lastOffsetDelta, this.#recordCount - 1);
    writeInt64(bytes, batchField.baseTimestamp, this.#baseTimestamp);
    writeInt64(bytes, batchField.maxTimestamp, this.#maxTimestamp);
    bytes.fill(0xff, batchField.producerId, batchField.recordCount); // no producer id, epoch, sequence
    writeInt32(bytes, batchField.recordCount, this.#recordCount);
    writeInt32(bytes, batchField.crc, crc32c(bytes, batchField.attributes, end));
    this.#position = batchHeaderBytes;
    this.#recordCount = 0;
    return bytes.slice(0, end);
  }

  #field(field: Uint8Array | null): void {
    if (field === null) {
      this.#varint(-1);
      return;
    }
    this.#varint(field.length);
    this.#copy(field);
  }

  #copy(source: Uint8Array): void {
    const { length } = source;
    if (length > byteLoopMax) {
      this.#bytes.set(source, this.#position);
    } else {
      const bytes = this.#bytes;
      const position = this.#position;
      for (let i = 0; i < length; i++) bytes[position + i] = source[i] as number;
    }
    this.#position += length;
  }

  #varint(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest > 0x7f) {
      this.#bytes[this.#position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#position++] = rest;
  }

  /** Zigzag of up to 53 bits: beyond 32 bits in floating point, which is exact there. */
  #varlong(value: number): void {
    if (value === value << 0) {
      this.#varint(value);
      return;
    }
    this.#position = writeLongVarint(this.#bytes, this.#position, value);
  }

  #reserve(length: number): void {
    const needed = this.#position + length;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#position));
    this.#bytes = larger;
  }
}

/** Bytes of a zigzag varint. */
export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x200000) return 3;
  return zigzag < 0x10000000 ? 4 : 5;
}

function varlongSize(value: number): number {
  if (value === value << 0) return varintSize(value);
  let zigzag = value < 0 ? -BigInt(value) * 2n - 1n : BigInt(value) * 2n;
  let size = 1;
  for (; zigzag >= 0x80n; zigzag >>= 7n) size++;
  return size;
}

/** Rare: deltas of more than 24 days. */
function writeLongVarint(bytes: Uint8Array, start: number, value: number): number {
  let zigzag = value < 0 ? -BigInt(value) * 2n - 1n : BigInt(value) * 2n;
  let position = start;
  for (; zigzag >= 0x80n; zigzag >>= 7n) bytes[position++] = Number(zigzag & 0x7fn) | 0x80;
  bytes[position++] = Number(zigzag);
  return position;
}

function encodeHeaders(headers: readonly Header[]): Uint8Array {
  const parts: number[] = [];
  pushVarint(parts, headers.length);
  for (const { key, value } of headers) {
    const keyBytes = Buffer.from(key);
    pushVarint(parts, keyBytes.length);
    parts.push(...keyBytes);
    pushVarint(parts, value === null ? -1 : value.length);
    for (const byte of value ?? []) parts.push(byte);
  }
  return Uint8Array.from(parts);
}

function pushVarint(parts: number[], value: number): void {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest > 0x7f) {
    parts.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  parts.push(rest);
}
