/**
 * Walks over the records of back-to-back batches without making an object: `next()` moves, and the fields say where the
 * record's key and value lie in `bytes`. Each batch is checked when it is entered.
 */
import { batchHeaderBytes, checkBatch, damaged, readBatchHeader } from './record-batch.ts';
import type { Header } from './record-batch-builder.ts';

const noBytes = new Uint8Array(0);
const high = 2 ** 32;

export class RecordCursor {
  bytes: Uint8Array = noBytes;
  offset = 0;
  /** In ms. */
  timestamp = 0;
  /** -1 for a null key. */
  keyStart = -1;
  keyEnd = -1;
  /** -1 for a null value. */
  valueStart = -1;
  valueEnd = -1;

  #position = 0;
  #batchStart = 0;
  #batchEnd = 0;
  #recordsLeft = 0;
  #baseOffset = 0;
  #baseTimestamp = 0;
  #headersStart = 0;

  /** Begins before the first record. `DAMAGED` from `next` where a batch is. */
  reset(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.#position = 0;
    this.#batchEnd = 0;
    this.#recordsLeft = 0;
  }

  /** Moves to the next record; false at the end. */
  next(): boolean {
    while (this.#recordsLeft === 0) {
      if (this.#batchEnd >= this.bytes.length) return false;
      this.#enterBatch();
    }
    this.#recordsLeft--;
    this.#readRecord();
    return true;
  }

  /** The offset after the last record of all batches; looks at headers only. */
  endOffset(): number {
    let end = 0;
    let position = 0;
    while (position < this.bytes.length) {
      const header = readBatchHeader(this.bytes, position);
      if (header === undefined) throw damaged(position, 'it is not whole');
      end = header.baseOffset + header.lastOffsetDelta + 1;
      position += header.byteLength;
    }
    return end;
  }

  /** Copies of the headers of the current record. */
  headers(): readonly Header[] {
    const after = this.#position;
    this.#position = this.#headersStart;
    const headers = Array.from({ length: this.#varint() }, () => this.#readHeader());
    this.#position = after;
    return headers;
  }

  #enterBatch(): void {
    const start = this.#batchEnd;
    const header = checkBatch(this.bytes, start);
    this.#batchStart = start;
    this.#batchEnd = start + header.byteLength;
    this.#position = start + batchHeaderBytes;
    this.#recordsLeft = header.recordCount;
    this.#baseOffset = header.baseOffset;
    this.#baseTimestamp = header.baseTimestamp;
  }

  #readRecord(): void {
    const length = this.#varint();
    const end = this.#position + length;
    if (length < 0 || end > this.#batchEnd)
      throw damaged(this.#batchStart, 'a record does not fit into it');
    this.#position++; // attributes, unused
    this.timestamp = this.#baseTimestamp + this.#varlong();
    this.offset = this.#baseOffset + this.#varint();
    const keyLength = this.#varint();
    this.keyStart = keyLength < 0 ? -1 : this.#position;
    if (keyLength > 0) this.#position += keyLength;
    this.keyEnd = keyLength < 0 ? -1 : this.#position;
    const valueLength = this.#varint();
    this.valueStart = valueLength < 0 ? -1 : this.#position;
    if (valueLength > 0) this.#position += valueLength;
    this.valueEnd = valueLength < 0 ? -1 : this.#position;
    this.#headersStart = this.#position;
    if (this.#position >= end)
      throw damaged(this.#batchStart, 'a field does not fit into its record');
    this.#position = end;
  }

  #readHeader(): Header {
    const key = Buffer.from(this.#take(this.#varint())).toString('utf8');
    const length = this.#varint();
    return { key, value: length < 0 ? null : Uint8Array.from(this.#take(length)) };
  }

  #take(length: number): Uint8Array {
    const start = this.#position;
    this.#position += length;
    return this.bytes.subarray(start, this.#position);
  }

  #varint(): number {
    const bytes = this.bytes;
    let byte = bytes[this.#position++] as number;
    let zigzag = byte & 0x7f;
    for (let shift = 7; byte > 0x7f; shift += 7) {
      byte = bytes[this.#position++] as number;
      zigzag |= (byte & 0x7f) << shift;
    }
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  /** Up to 53 bits: beyond 28 bits in floating point, which is exact there. */
  #varlong(): number {
    const bytes = this.bytes;
    let byte = bytes[this.#position++] as number;
    let zigzag = byte & 0x7f;
    let scale = 0x80;
    for (; byte > 0x7f; scale *= 0x80) {
      byte = bytes[this.#position++] as number;
      zigzag += (byte & 0x7f) * scale;
    }
    if (zigzag < high) return (zigzag >>> 1) ^ -(zigzag & 1);
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }
}
