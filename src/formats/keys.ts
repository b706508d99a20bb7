import { MillraceError } from '../platform/index.ts';
import type { Codec } from './codec.ts';

/** Fails with `INVALID` for a codec that may write equal keys as different bytes. */
export function checkKeyCodec<Key>(codec: Codec<Key>, where: string): Codec<Key> {
  const { name, unfitForKeys } = codec;
  if (unfitForKeys === undefined) return codec;
  throw new MillraceError(
    'INVALID',
    `${where}: ${name} can't be the codec of keys, because equal ones could have different bytes ` +
      `(${unfitForKeys}). Use keyJson().`,
  );
}
