import { MillraceError } from '../platform/index.ts';
import type { Codec } from './codec.ts';
import { utf8Of } from './utf8.ts';
import { wrongType } from './wrong-type.ts';

/** UTF-8 text. Strings with lone surrogates are refused, since UTF-8 can't hold them. */
export function string(): Codec<string> {
  return stringCodec;
}

const stringCodec: Codec<string> = {
  name: 'string',
  text: true,
  encode(value) {
    check(value);
    return Buffer.from(value, 'utf8');
  },
  decode: utf8Of,
  check,
};

function check(value: string): void {
  if (typeof value !== 'string') throw wrongType('string', 'string', value);
  if (value.isWellFormed()) return;
  throw new MillraceError(
    'ENCODE',
    'A string with half of a surrogate pair is not text. Call toWellFormed(), or use json().',
  );
}
