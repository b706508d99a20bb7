/**
 * Where a join keeps a record among those of its key: by its time, and of several with one time by
 * the order in which they came. The bytes sort as places do:
 *
 *   byte  size  field
 *   0     8     time in ms, 64 bits with the sign flipped
 *   8     4     how many with this time came before
 */
import type { Codec } from '../../formats/index.ts';
import { assert } from '../../platform/index.ts';
import type { MapState } from '../../runtime/index.ts';

export interface Place {
  readonly time: number;
  readonly n: number;
}

const placeBytes = 12;
const high = 2 ** 32;
const signBit = 2 ** 31;
const nMax = 2 ** 32 - 1;

export const placeCodec: Codec<Place> = {
  name: 'place',
  text: false,
  encode({ time, n }) {
    const bytes = Buffer.allocUnsafe(placeBytes);
    const upper = Math.floor(time / high);
    bytes.writeUInt32BE(upper + signBit, 0);
    bytes.writeUInt32BE(time - upper * high, 4);
    bytes.writeUInt32BE(n, 8);
    return bytes;
  },
  decode(encoded, start, end) {
    assert(end - start === placeBytes, 'a place has 12 bytes');
    const bytes = new DataView(encoded.buffer, encoded.byteOffset + start, placeBytes);
    const upper = bytes.getUint32(0) - signBit;
    return { time: upper * high + bytes.getUint32(4), n: bytes.getUint32(8) };
  },
};

/** What is kept with times in `[from, to]`, in order. */
export function* between<Kept>(
  kept: MapState<Place, Kept>,
  from: number,
  to: number,
): Generator<[Place, Kept], void, void> {
  for (const entry of kept.entries({ after: { time: from - 1, n: nMax } })) {
    if (entry[0].time > to) return;
    yield entry;
  }
}

/**
 * The first free place at `time`: those that are taken have no gaps, for what has one time goes at
 * once. Looks at twice the logarithm of how many there are.
 */
export function freePlace(kept: MapState<Place, unknown>, time: number): Place {
  let taken = -1;
  let free = 0;
  while (kept.has({ time, n: free })) {
    taken = free;
    free = 2 * free + 1;
  }
  while (free - taken > 1) {
    const middle = (free + taken) >>> 1;
    if (kept.has({ time, n: middle })) taken = middle;
    else free = middle;
  }
  return { time, n: free };
}
