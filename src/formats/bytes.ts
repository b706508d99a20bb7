import type { Codec } from './codec.ts';
import { wrongType } from './wrong-type.ts';

/** Bytes as they are. What is encoded and what is decoded are copies. */
export function bytes(): Codec<Uint8Array> {
  return bytesCodec;
}

const bytesCodec: Codec<Uint8Array> = {
  name: 'bytes',
  text: false,
  encode(value) {
    check(value);
    return new Uint8Array(value);
  },
  decode: (encoded, start, end) => new Uint8Array(encoded.subarray(start, end)),
  check,
};

function check(value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) throw wrongType('bytes', 'Uint8Array', value);
}
