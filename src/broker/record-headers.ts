/** The headers at the end of a record; see record-batch.ts for their format. */
import { MillraceError } from '../platform/index.ts';
import { sizeOfVarint, writeVarint } from './varint.ts';

/** A header of a record. Keys may repeat; the order is kept. */
export interface Header {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** Fails with `ENCODE` for a key that is not text. */
export function encodeHeaders(headers: readonly Header[]): Uint8Array {
  let length = sizeOfVarint(headers.length);
  for (const { key, value } of headers) {
    checkKey(key);
    const keyBytes = Buffer.byteLength(key);
    length += sizeOfVarint(keyBytes) + keyBytes;
    length += value === null ? 1 : sizeOfVarint(value.length) + value.length;
  }
  const encoded = Buffer.allocUnsafe(length);
  let position = writeVarint(encoded, 0, headers.length);
  for (const { key, value } of headers) {
    position = writeVarint(encoded, position, Buffer.byteLength(key));
    position += encoded.write(key, position, 'utf8');
    position = writeVarint(encoded, position, value === null ? -1 : value.length);
    if (value === null) continue;
    encoded.set(value, position);
    position += value.length;
  }
  return encoded;
}

function checkKey(key: string): void {
  if (key.isWellFormed()) return;
  throw new MillraceError(
    'ENCODE',
    `The header key ${JSON.stringify(key)} has half of a surrogate pair. Call toWellFormed().`,
  );
}

/** The headers in `bytes[start, end)`, copied; undefined where they do not fill it exactly. */
export function decodeHeaders(
  bytes: Uint8Array,
  start: number,
  end: number,
): readonly Header[] | undefined {
  const reader = new HeaderReader(bytes, start, end);
  const count = reader.varint();
  const headers: Header[] = [];
  while (headers.length < count && reader.isInside) {
    const key = Buffer.from(reader.take(reader.varint())).toString('utf8');
    const length = reader.varint();
    headers.push({ key, value: length < 0 ? null : new Uint8Array(reader.take(length)) });
  }
  return headers.length === count && reader.isAtEnd ? headers : undefined;
}

class HeaderReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #position: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  get isInside(): boolean {
    return this.#position < this.#end;
  }

  get isAtEnd(): boolean {
    return this.#position === this.#end;
  }

  /** Past the end there are zeros; the position tells. */
  varint(): number {
    let zigzag = 0;
    let shift = 0;
    let byte = 0x80;
    for (; byte > 0x7f; shift += 7) {
      byte = this.#bytes[this.#position++] ?? 0;
      zigzag |= (byte & 0x7f) << shift;
    }
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  take(length: number): Uint8Array {
    const start = this.#position;
    this.#position += Math.max(length, 0);
    return this.#bytes.subarray(start, Math.min(this.#position, this.#end));
  }
}
