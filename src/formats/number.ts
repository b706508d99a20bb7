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

/** Where a number is turned: 5 ns, and 85 with a Buffer made for each. It means nothing later. */
const own = new Uint8Array(encodedBytes);
const view = new DataView(own.buffer);

const numberCodec: Codec<number> = {
  name: 'number',
  text: false,
  encode(value) {
    check(value);
    view.setFloat64(0, value + 0); // -0 + 0 is 0
    flip(own, value < 0);
    return own.slice();
  },
  decode(encoded, start, end) {
    if (end - start !== encodedBytes) {
      throw new MillraceError(
        'DECODE',
        `A number has ${encodedBytes} bytes, but here are ${end - start}. Read them with bytes().`,
      );
    }
    for (let i = 0; i < encodedBytes; i++) own[i] = encoded[start + i] as number;
    flip(own, (own[0] as number) < signBit);
    return view.getFloat64(0);
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

function flip(encoded: Uint8Array, negative: boolean): void {
  if (negative) for (let i = 0; i < encodedBytes; i++) encoded[i] = ~(encoded[i] as number);
  else encoded[0] = (encoded[0] as number) ^ signBit;
}
