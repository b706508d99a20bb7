/**
 * A hash of texts in 64 bits, as two halves, because numbers have no more than 53: FNV-1a (Fowler,
 * Noll and Vo) over UTF-16 units, then three rounds of a Feistel network around the finaliser of
 * MurmurHash3 (Appleby).
 *
 * FNV-1a alone leaves the upper bits of short texts much alike. The rounds mix all bits, and lose
 * none: whatever differs before differs afterwards. With 64 bits a billion texts have 0.03
 * collisions; with 32 (murmur2, as it is used for partitions) a hundred thousand have one.
 *
 * Part of what sketches in the state of jobs mean: it can never change.
 */
export class TextHash {
  /** The upper 32 bits, from 0. */
  high = 0;
  /** The lower 32 bits, from 0. */
  low = 0;

  /** Makes them those of `text`. Kept here, so that a record costs no allocation. */
  of(text: string): void {
    this.fnv1a(text);
    let { high, low } = this;
    high ^= finalised(low);
    low ^= finalised(high);
    high ^= finalised(low);
    this.high = high >>> 0;
    this.low = low >>> 0;
  }

  /** FNV-1a alone; of ASCII what everybody's is. */
  fnv1a(text: string): void {
    let high = 0xcbf29ce4;
    let low = 0x84222325;
    for (let i = 0; i < text.length; i++) {
      low = (low ^ text.charCodeAt(i)) >>> 0;
      // Times 0x100_0000_01b3: the product with 0x1b3 is exact, and 0x100 counts in the upper half.
      const product = low * 0x1b3;
      high = Math.imul(high, 0x1b3) + (low << 8) + Math.floor(product / 0x1_0000_0000);
      low = product >>> 0;
    }
    this.high = high >>> 0;
    this.low = low;
  }
}

/** fmix32 of MurmurHash3. */
function finalised(bits: number): number {
  let mixed = bits;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
