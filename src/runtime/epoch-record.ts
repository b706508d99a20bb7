/**
 * What is recorded of an epoch, so that it can be repeated exactly: the input alone does not say
 * how the partitions were merged, which depends on what was there when, nor what the clock decided.
 *
 *   flags          1 byte: which of the following there are (1 opening, 4 waiting, 8 idle,
 *                  16 watermark, 32 fired, 128 outputs); 2: it only made start positions durable,
 *                  64: it ended while it fired
 *   opening        format (1 byte), epoch, number of inputs, and of each: length and bytes of its
 *                  topic, partition, position
 *   moved          number of inputs that moved, and of each: how many follow the one before,
 *                  records read
 *   waiting        a bit for each input: it had another record, which was not read
 *   idle           a bit for each input: it was idle when the epoch began
 *   watermark      64-bit floating point: where the clock, or a drain, moved event time
 *   fired          number of windows and timers that fired
 *   outputs        32 bits: checksum of what was written
 *
 * Numbers are varints: seven bits a byte, lowest first, the top bit set in all bytes but the last.
 * The clock reading is the timestamp of the record that holds these bytes.
 */
import type { Position } from '../broker/index.ts';
import { MillraceError } from '../platform/index.ts';

/** An input that moved on, by its index among the inputs. */
export interface Moved {
  readonly input: number;
  readonly records: number;
}

/** A task was opened: from here on its inputs are these. */
export interface Opening {
  readonly epoch: number;
  readonly inputs: readonly Position[];
}

export interface EpochRecord {
  readonly opening: Opening | undefined;
  /** Nothing was read: start positions were made durable. */
  readonly isStart: boolean;
  readonly moved: readonly Moved[];
  /** For each input; undefined: none. */
  readonly waiting: readonly boolean[] | undefined;
  /** For each input; undefined: as the records say. */
  readonly idle: readonly boolean[] | undefined;
  readonly watermark: number | undefined;
  readonly fired: number;
  readonly endsFiring: boolean;
  readonly outputs: number | undefined;
}

const formatVersion = 1;

const flag = {
  opening: 1,
  isStart: 2,
  waiting: 4,
  idle: 8,
  watermark: 16,
  fired: 32,
  endsFiring: 64,
  outputs: 128,
} as const;

export function encodeEpochRecord(record: EpochRecord): Uint8Array {
  const bytes: number[] = [flagsOf(record)];
  if (record.opening !== undefined) writeOpening(bytes, record.opening);
  writeNumber(bytes, record.moved.length);
  let last = -1;
  for (const { input, records } of record.moved) {
    writeNumber(bytes, input - last - 1);
    writeNumber(bytes, records);
    last = input;
  }
  if (record.waiting !== undefined) writeBits(bytes, record.waiting);
  if (record.idle !== undefined) writeBits(bytes, record.idle);
  if (record.watermark !== undefined) writeDouble(bytes, record.watermark);
  if (record.fired > 0) writeNumber(bytes, record.fired);
  if (record.outputs !== undefined) {
    for (const shift of [24, 16, 8, 0]) bytes.push((record.outputs >>> shift) & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** `inputs`: how many the task had, unless the record says so. Fails with `DIRECTORY`. */
export function decodeEpochRecord(bytes: Uint8Array, inputs: number): EpochRecord {
  const reader = new Reader(bytes);
  const flags = reader.byte();
  const has = (bit: number) => (flags & bit) !== 0;
  const opening = has(flag.opening) ? readOpening(reader) : undefined;
  const inputCount = opening?.inputs.length ?? inputs;
  return {
    opening,
    isStart: has(flag.isStart),
    moved: readMoved(reader),
    waiting: has(flag.waiting) ? reader.bits(inputCount) : undefined,
    idle: has(flag.idle) ? reader.bits(inputCount) : undefined,
    watermark: has(flag.watermark) ? reader.double() : undefined,
    fired: has(flag.fired) ? reader.number() : 0,
    endsFiring: has(flag.endsFiring),
    outputs: has(flag.outputs) ? reader.uint32() : undefined,
  };
}

function flagsOf(record: EpochRecord): number {
  return (
    (record.opening === undefined ? 0 : flag.opening) |
    (record.isStart ? flag.isStart : 0) |
    (record.waiting === undefined ? 0 : flag.waiting) |
    (record.idle === undefined ? 0 : flag.idle) |
    (record.watermark === undefined ? 0 : flag.watermark) |
    (record.fired === 0 ? 0 : flag.fired) |
    (record.endsFiring ? flag.endsFiring : 0) |
    (record.outputs === undefined ? 0 : flag.outputs)
  );
}

function writeOpening(bytes: number[], { epoch, inputs }: Opening): void {
  bytes.push(formatVersion);
  writeNumber(bytes, epoch);
  writeNumber(bytes, inputs.length);
  for (const { topic, partition, offset } of inputs) {
    const name = Buffer.from(topic);
    writeNumber(bytes, name.length);
    bytes.push(...name);
    writeNumber(bytes, partition);
    writeNumber(bytes, offset);
  }
}

function readOpening(reader: Reader): Opening {
  const format = reader.byte();
  if (format !== formatVersion) {
    throw new MillraceError(
      'DIRECTORY',
      `The epochs of the task were recorded in format ${format}, which this version of Millrace ` +
        `does not know (it knows ${formatVersion}). Use the Millrace that wrote them.`,
    );
  }
  const epoch = reader.number();
  const inputs = Array.from({ length: reader.number() }, () => ({
    topic: reader.text(),
    partition: reader.number(),
    offset: reader.number(),
  }));
  return { epoch, inputs };
}

function readMoved(reader: Reader): Moved[] {
  let input = -1;
  return Array.from({ length: reader.number() }, () => {
    input += reader.number() + 1;
    return { input, records: reader.number() };
  });
}

function writeNumber(bytes: number[], value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
}

function writeBits(bytes: number[], bits: readonly boolean[]): void {
  for (let at = 0; at < bits.length; at += 8) {
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) if (bits[at + bit] === true) byte |= 1 << bit;
    bytes.push(byte);
  }
}

function writeDouble(bytes: number[], value: number): void {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleBE(value);
  bytes.push(...buffer);
}

class Reader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
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
}
