/**
 * Small numbers, texts and flags in few bytes.
 *
 *   number    not negative, up to 53 bits: seven bits a byte, lowest first, the top bit set in all
 *             bytes but the last
 *   bits      eight a byte, the first one lowest
 *   double    64-bit floating point, big-endian
 *   uint32    big-endian
 *   text      the number of its bytes, then UTF-8
 *   texts     how many there are, then each
 */
export class CompactWriter {
  readonly #bytes: number[] = [];

  byte(value: number): void {
    this.#bytes.push(value);
  }

  number(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes.push((rest % 0x80) | 0x80);
    this.#bytes.push(rest);
  }

  bits(bits: readonly boolean[]): void {
    for (let at = 0; at < bits.length; at += 8) {
      let byte = 0;
      for (let bit = 0; bit < 8; bit++) if (bits[at + bit] === true) byte |= 1 << bit;
      this.#bytes.push(byte);
    }
  }

  double(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    this.#bytes.push(...bytes);
  }

  uint32(value: number): void {
    for (const shift of [24, 16, 8, 0]) this.#bytes.push((value >>> shift) & 0xff);
  }

  text(text: string): void {
    const bytes = Buffer.from(text);
    this.number(bytes.length);
    this.#bytes.push(...bytes);
  }

  texts(texts: readonly string[]): void {
    this.number(texts.length);
    for (const text of texts) this.text(text);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

export class CompactReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#position;
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#position++);
  }

  number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  bits(count: number): boolean[] {
    const start = this.#position;
    this.#position += Math.ceil(count / 8);
    return Array.from({ length: count }, (_, i) => {
      return ((this.#bytes.readUInt8(start + (i >> 3)) >> (i & 7)) & 1) === 1;
    });
  }

  double(): number {
    this.#position += 8;
    return this.#bytes.readDoubleBE(this.#position - 8);
  }

  uint32(): number {
    this.#position += 4;
    return this.#bytes.readUInt32BE(this.#position - 4);
  }

  text(): string {
    const length = this.number();
    this.#position += length;
    return this.#bytes.toString('utf8', this.#position - length, this.#position);
  }

  texts(): string[] {
    return Array.from({ length: this.number() }, () => this.text());
  }

  /** A copy of all that is left. */
  rest(): Uint8Array {
    return Uint8Array.from(this.#bytes.subarray(this.#position));
  }
}
