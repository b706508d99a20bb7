/**
 * Writes records into one batch, straight into a buffer that grows. The hottest writer of the
 * project: no objects, and each record's length is computed before it is written.
 */
import { assert, MillraceError } from '../platform/index.ts';
import { crc32c } from './crc32c.ts';
import { batchField, batchHeaderBytes, writeInt32, writeInt64 } from './record-batch.ts';
import { encodeHeaders, type Header } from './record-headers.ts';
import { encodeDifference, sizeOfVarint, writeVarint } from './varint.ts';

export type { Header };

const noHeaders: readonly Header[] = [];
/** Their number, 0. */
const noHeadersEncoded = Uint8Array.of(0);

/** Base offset and length are not counted by the length. */
const notInLengthBytes = 12;
/** Kafka's attributes of a record: none are defined. */
const recordAttributes = 0;
const varintBytesMax = 5;
const batchBytesMax = 2 ** 31 - 1;

/** Shorter copies are faster byte by byte than through TypedArray.set, which costs 20 ns. */
const byteLoopMax = 24;

/** How far a batch was written. */
export interface BatchMark {
  readonly position: number;
  readonly recordCount: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
}

/**
 * Makes record batches in Kafka's format v2, for `Broker.append`.
 *
 * @example
 * const builder = new RecordBatchBuilder();
 * builder.append(Date.now(), key, value);
 * const batches = builder.build();
 */
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

  /**
   * Adds a record; copies what it is given. `timestamp` is whole ms. After a failure the builder is
   * as it was.
   */
  append(
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly Header[] = noHeaders,
  ): void {
    const encodedHeaders = headers.length === 0 ? noHeadersEncoded : encodeHeaders(headers);
    const bodyBytes = sizeOfField(key) + sizeOfField(value) + encodedHeaders.length;
    let position = this.#beginRecord(timestamp, bodyBytes);
    const bytes = this.#bytes;
    position = writeField(bytes, position, key);
    position = writeField(bytes, position, value);
    this.#endRecord(timestamp, copyBytes(bytes, position, encodedHeaders));
  }

  /** Adds a record whose key, value and headers are encoded already: a cursor's body. */
  appendBody(timestamp: number, body: Uint8Array): void {
    const position = this.#beginRecord(timestamp, body.length);
    this.#endRecord(timestamp, copyBytes(this.#bytes, position, body));
  }

  /** What `rewind` goes back to. */
  mark(): BatchMark {
    return {
      position: this.#position,
      recordCount: this.#recordCount,
      baseTimestamp: this.#baseTimestamp,
      maxTimestamp: this.#maxTimestamp,
    };
  }

  /** Drops what was added since `mark`. `built`: the batch that was built first since then. */
  rewind(mark: BatchMark, built?: Uint8Array): void {
    this.#position = batchHeaderBytes;
    if (built !== undefined) {
      this.#reserve(mark.position - batchHeaderBytes);
      this.#bytes.set(built.subarray(0, mark.position));
    }
    this.#position = mark.position;
    this.#recordCount = mark.recordCount;
    this.#baseTimestamp = mark.baseTimestamp;
    this.#maxTimestamp = mark.maxTimestamp;
  }

  /** One batch with base offset 0, in bytes of its own; the builder is empty afterwards. */
  build(): Uint8Array {
    assert(this.#recordCount > 0, 'a batch has records');
    const bytes = this.#bytes;
    const end = this.#position;
    writeInt64(bytes, batchField.baseOffset, 0);
    writeInt32(bytes, batchField.length, end - notInLengthBytes);
    writeInt32(bytes, batchField.leaderEpoch, 0);
    bytes[batchField.magic] = 2;
    bytes[batchField.attributes] = 0;
    bytes[batchField.attributes + 1] = 0;
    writeInt32(bytes, batchField.lastOffsetDelta, this.#recordCount - 1);
    writeInt64(bytes, batchField.baseTimestamp, this.#baseTimestamp);
    writeInt64(bytes, batchField.maxTimestamp, this.#maxTimestamp);
    // No producer id, epoch, or sequence: -1.
    bytes.fill(0xff, batchField.producerId, batchField.recordCount);
    writeInt32(bytes, batchField.recordCount, this.#recordCount);
    writeInt32(bytes, batchField.crc, crc32c(bytes, batchField.attributes, end));
    this.#position = batchHeaderBytes;
    this.#recordCount = 0;
    const batch = Buffer.allocUnsafe(end); // small ones share a buffer
    batch.set(bytes.subarray(0, end));
    return batch;
  }

  /** Writes what comes before the body; returns where the body goes. */
  #beginRecord(timestamp: number, bodyBytes: number): number {
    checkTimestamp(timestamp);
    const base = this.#recordCount === 0 ? timestamp : this.#baseTimestamp;
    const delta = timestamp - base;
    const longDelta = delta === (delta | 0) ? undefined : encodeDifference(timestamp, base);
    const length =
      1 +
      (longDelta === undefined ? sizeOfVarint(delta) : longDelta.length) +
      sizeOfVarint(this.#recordCount) +
      bodyBytes;
    this.#reserve(varintBytesMax + length);
    const bytes = this.#bytes;
    let position = writeVarint(bytes, this.#position, length);
    bytes[position++] = recordAttributes;
    position =
      longDelta === undefined
        ? writeVarint(bytes, position, delta)
        : copyBytes(bytes, position, longDelta);
    return writeVarint(bytes, position, this.#recordCount);
  }

  #endRecord(timestamp: number, position: number): void {
    if (this.#recordCount === 0) {
      this.#baseTimestamp = timestamp;
      this.#maxTimestamp = timestamp;
    } else if (timestamp > this.#maxTimestamp) {
      this.#maxTimestamp = timestamp;
    }
    this.#position = position;
    this.#recordCount++;
  }

  #reserve(length: number): void {
    const needed = this.#position + length;
    if (needed <= this.#bytes.length) return;
    checkBatchBytes(needed);
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#position));
    this.#bytes = larger;
  }
}

function checkTimestamp(timestamp: number): void {
  if (Number.isSafeInteger(timestamp)) return;
  throw new MillraceError(
    'INVALID',
    `A record's timestamp is whole milliseconds, but this one is ${timestamp}. Round it.`,
  );
}

function checkBatchBytes(length: number): void {
  if (length <= batchBytesMax) return;
  throw new MillraceError(
    'INVALID',
    `A record batch of ${length} bytes is larger than 2 GiB. Write smaller records or batches.`,
  );
}

function sizeOfField(field: Uint8Array | null): number {
  return field === null ? 1 : sizeOfVarint(field.length) + field.length;
}

function writeField(bytes: Uint8Array, position: number, field: Uint8Array | null): number {
  if (field === null) return writeVarint(bytes, position, -1);
  return copyBytes(bytes, writeVarint(bytes, position, field.length), field);
}

function copyBytes(target: Uint8Array, position: number, source: Uint8Array): number {
  const { length } = source;
  if (length > byteLoopMax) target.set(source, position);
  else for (let i = 0; i < length; i++) target[position + i] = source[i] as number;
  return position + length;
}
