/** mulberry32: from a seed, and much alike on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Begins anew. */
  reset(seed: number): void {
    this.#state = seed | 0;
  }

  /** 32 bits, signed. */
  int32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return mixed ^ (mixed >>> 14);
  }

  /** 0 up to, but not including 1. */
  share(): number {
    return (this.int32() >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, but not including `limit`. */
  below(limit: number): number {
    return Math.floor(this.share() * limit);
  }
}

/** Spreads numbers that follow one another: seeds of generators that are to have nothing in common. */
export function mixed(seed: number, n: number): number {
  let hash = Math.imul(seed ^ Math.imul(n, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
