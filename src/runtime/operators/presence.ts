import type { Codec } from '../../formats/index.ts';

/** A codec for entries that are only there: timers, and checks of a time-to-live. */
export const presence: Codec<true> = {
  name: 'none',
  text: true,
  encode: () => new Uint8Array(0),
  decode: () => true,
};
