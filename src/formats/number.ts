/**
 * Numbers in 8 bytes whose order, as bytes, is the order of the numbers: IEEE 754 sorts so once
 * negative numbers have all their bits flipped, and the others their sign bit.
 */
import { MillraceError } from '../platform/index.ts';
import type { Codec } from './codec.ts';
import { wrongType } from './wrong-type.ts';

/**
 * A number in 8 bytes, such that the order of the bytes is the order of the numbers. -0 becomes 0;
 * NaN is refused.
 */
export function number(): Codec<number> {
  return numberCodec;
}

const encodedBytes = 8;
const signBit = 0x80;

const numberCodec: Codec<number> = {
  name: 'number',
  text: false,
  encode(value) {
    check(value);
    const encoded = Buffer.allocUnsafe(encodedBytes);
    encoded.writeDoubleBE(value + 0); // -0 + 0 is 0
    flip(encoded, value < 0);
    return encoded;
  },
  decode(encoded, start, end) {
    if (end - start !== encodedBytes) {
      throw new MillraceError(
        'DECODE',
        `A number has ${encodedBytes} bytes, but here are ${end - start}. Read them with bytes().`,
      );
    }
    const copy = Buffer.from(encoded.subarray(start, end));
    flip(copy, (copy[0] as number) < signBit);
    return copy.readDoubleBE(0);
  },
  check,
};

function check(value: number): void {
  if (typeof value !== 'number') throw wrongType('number', 'number', value);
  if (Number.isNaN(value)) {
    throw new MillraceError(
      'ENCODE',
      'NaN equals nothing, so it is neither key nor value. Leave such records out, or write null.',
    );
  }
}

function flip(encoded: Buffer, negative: boolean): void {
  if (negative) for (let i = 0; i < encodedBytes; i++) encoded[i] = ~(encoded[i] as number);
  else encoded[0] = (encoded[0] as number) ^ signBit;
}
