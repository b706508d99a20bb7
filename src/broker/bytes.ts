/** Big-endian numbers in bytes, in order: for entries and headers, where simple beats small. */
import { assert } from '../platform/index.ts';

const high = 2 ** 32;

export class ByteWriter {
  #bytes: Buffer;
  #position = 0;

  constructor(initialBytes = 4096) {
    this.#bytes = Buffer.allocUnsafe(initialBytes);
  }

  get length(): number {
    return this.#position;
  }

  /** What was written, as a view that the next write invalidates. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#position);
  }

  reset(): void {
    this.#position = 0;
  }

  u8(value: number): void {
    const position = this.#advance(1); // first: it may replace the bytes
    this.#bytes.writeUInt8(value, position);
  }

  u32(value: number): void {
    const position = this.#advance(4);
    this.#bytes.writeUInt32BE(value, position);
  }

  setU32(position: number, value: number): void {
    this.#bytes.writeUInt32BE(value, position);
  }

  /** A whole number of 53 bits and a sign, as 64 bits. */
  i64(value: number): void {
    const position = this.#advance(8);
    this.#bytes.writeInt32BE(Math.floor(value / high), position);
    this.#bytes.writeUInt32BE(value - Math.floor(value / high) * high, position + 4);
  }

  raw(bytes: Uint8Array): void {
    const position = this.#advance(bytes.length);
    this.#bytes.set(bytes, position);
  }

  string(text: string): void {
    const length = Buffer.byteLength(text);
    this.u32(length);
    const position = this.#advance(length);
    this.#bytes.write(text, position, 'utf8');
  }

  /** Makes room for `length` bytes and returns where they begin. */
  #advance(length: number): number {
    const position = this.#position;
    const needed = position + length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, position));
      this.#bytes = larger;
    }
    this.#position = needed;
    return position;
  }
}

/** Reads what `ByteWriter` wrote; the bytes were checked by their checksum before. */
export class ByteReader {
  readonly #bytes: Buffer;
  #position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  get atEnd(): boolean {
    return this.#position >= this.#bytes.length;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.skip(1));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.skip(4));
  }

  i64(): number {
    const position = this.skip(8);
    return this.#bytes.readInt32BE(position) * high + this.#bytes.readUInt32BE(position + 4);
  }

  raw(length: number): Buffer {
    const position = this.skip(length);
    return this.#bytes.subarray(position, position + length);
  }

  string(): string {
    return this.raw(this.u32()).toString('utf8');
  }

  /** Moves over `length` bytes and returns where they begin. */
  skip(length: number): number {
    const position = this.#position;
    assert(position + length <= this.#bytes.length, 'an entry holds what its fields say');
    this.#position = position + length;
    return position;
  }
}
