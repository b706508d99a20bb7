/**
 * Walks over the records of back-to-back batches without making an object: `next()` moves, and the
 * fields say where the record's key and value lie in `bytes`. Each batch is checked when it is
 * entered; after a failure the cursor stays where the damage is.
 */
import {
  batchHeaderBytes,
  byteAlone,
  checkBatch,
  damaged,
  type PlaceOf,
  readBatchHeader,
} from './record-batch.ts';
import { decodeHeaders, type Header } from './record-headers.ts';
import { addDifference } from './varint.ts';

const noBytes = new Uint8Array(0);
/** A number of so many bytes has at most 28 bits; with more it may not fit into 32. */
const varintExactBytes = 4;

/**
 * Reads the records of what `Broker.read` gives. Positions are bytes in `bytes`: the key is
 * `[keyStart, keyEnd)`, the value `[valueStart, valueEnd)`.
 *
 * @example
 * cursor.reset(batches.bytes, batches.placeOf);
 * while (cursor.next()) console.log(cursor.offset, cursor.timestamp);
 */
export class RecordCursor {
  /** What the cursor walks over. */
  bytes: Uint8Array = noBytes;
  /** Of the current record, in its partition. */
  offset = 0;
  /** In ms. */
  timestamp = 0;
  /** -1 for a null key. */
  keyStart = -1;
  keyEnd = -1;
  /** -1 for a null value. */
  valueStart = -1;
  valueEnd = -1;
  /** Where the record's body is: key, value and headers as they are encoded. */
  bodyStart = 0;
  bodyEnd = 0;

  #placeOf: PlaceOf = byteAlone;
  #position = 0;
  #batchStart = 0;
  #batchEnd = 0;
  #recordsLeft = 0;
  #baseOffset = 0;
  #baseTimestamp = 0;
  #headersStart = 0;

  /** Begins before the first record. `placeOf` tells errors where a byte lies. */
  reset(bytes: Uint8Array, placeOf: PlaceOf = byteAlone): void {
    this.bytes = bytes;
    this.#placeOf = placeOf;
    this.#position = 0;
    this.#batchStart = 0;
    this.#batchEnd = 0;
    this.#recordsLeft = 0;
  }

  /**
   * Moves to the next record; false at the end. Fails with `DAMAGED` where a batch is, naming its
   * place, and with `DECODE` at a batch that can't be read yet.
   */
  next(): boolean {
    while (this.#recordsLeft === 0) {
      if (this.#position !== this.#batchEnd) throw this.#shapeError();
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
      if (header === undefined) throw damaged(this.#placeOf(position), 'it is not whole');
      end = header.baseOffset + header.lastOffsetDelta + 1;
      position += header.byteLength;
    }
    return end;
  }

  /** Copies of the headers of the current record. */
  headers(): readonly Header[] {
    const headers = decodeHeaders(this.bytes, this.#headersStart, this.bodyEnd);
    if (headers === undefined) throw this.#shapeError();
    return headers;
  }

  #enterBatch(): void {
    const start = this.#batchEnd;
    const header = checkBatch(this.bytes, start, this.#placeOf);
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
    this.#position++; // attributes, unused
    this.#readTimestamp();
    this.offset = this.#baseOffset + this.#varint();
    this.bodyStart = this.#position;
    this.bodyEnd = end;
    const keyLength = this.#varint();
    this.keyStart = keyLength < 0 ? -1 : this.#position;
    if (keyLength > 0) this.#position += keyLength;
    this.keyEnd = keyLength < 0 ? -1 : this.#position;
    const valueLength = this.#varint();
    this.valueStart = valueLength < 0 ? -1 : this.#position;
    if (valueLength > 0) this.#position += valueLength;
    this.valueEnd = valueLength < 0 ? -1 : this.#position;
    this.#headersStart = this.#position;
    // Positions only grow, so that one look at the last tells about all.
    if (this.#position >= end || end > this.#batchEnd) throw this.#shapeError();
    this.#position = end;
  }

  #readTimestamp(): void {
    const start = this.#position;
    const delta = this.#varint();
    this.timestamp =
      this.#position - start <= varintExactBytes
        ? this.#baseTimestamp + delta
        : addDifference(this.#baseTimestamp, this.bytes, start, this.#position);
  }

  /**
   * The first two bytes apart: nearly all numbers end there. 26 M/s, where a plain loop gives 22.
   */
  #varint(): number {
    const bytes = this.bytes;
    let position = this.#position;
    let byte = bytes[position++] as number;
    let zigzag = byte & 0x7f;
    if (byte > 0x7f) {
      byte = bytes[position++] as number;
      zigzag |= (byte & 0x7f) << 7;
      for (let shift = 14; byte > 0x7f; shift += 7) {
        byte = bytes[position++] as number;
        zigzag |= (byte & 0x7f) << shift;
      }
    }
    this.#position = position;
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  /** The cursor stays in the batch that has the wrong shape, and says so again. */
  #shapeError(): Error {
    this.#recordsLeft = 0;
    this.#position = -1;
    return damaged(this.#placeOf(this.#batchStart), 'its records do not fill it exactly');
  }
}
