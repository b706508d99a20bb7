/**
 * How many different hashes were met, about: HyperLogLog (Flajolet, Fusy, Gandouet and Meunier,
 * "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007) with hashes
 * of 64 bits, as Heule, Nunkesser and Hall, "HyperLogLog in practice", 2013, and the estimator of
 * Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017, which has no bias
 * for small or large numbers that would have to be looked up in tables.
 *
 *   hash    | index: p bits | the rest: 64 - p bits             |
 *                             000001....  rank 6: the place of its first 1
 *
 * Each of 2^p registers holds the greatest rank that it met. Few registers are kept one by one,
 * many as text, a character each. What registers hold depends on the hashes alone, and so does
 * their form: not on their order, nor on how sketches were merged.
 */

/** Plain JSON. */
export type HyperLogLog = [
  /** How many registers hold each rank, from 0 on: what the estimate needs. */
  counts: number[],
  /** `index * 64 + rank` of registers that hold one, ascending; empty once there is text. */
  few: number[],
  /** The ranks of 64 registers each, as characters from `0` on; empty as long as few hold one. */
  many: string[],
];

const chunkRegisters = 64;
const firstCharacter = 48;

export class HyperLogLogScale {
  readonly #indexBits: number;
  readonly #registers: number;
  /** From here on text takes less. */
  readonly #fewMax: number;

  /** `indexBits`: 6 to 16. The standard error is `1.04 / sqrt(2 ** indexBits)`. */
  constructor(indexBits: number) {
    this.#indexBits = indexBits;
    this.#registers = 2 ** indexBits;
    this.#fewMax = this.#registers / 8;
  }

  create(): HyperLogLog {
    return [[this.#registers], [], []];
  }

  /** Takes a hash, as two halves of 32 bits. */
  add(sketch: HyperLogLog, high: number, low: number): void {
    const rest = high << this.#indexBits;
    const rank = rest === 0 ? 32 - this.#indexBits + Math.clz32(low) + 1 : Math.clz32(rest) + 1;
    this.#meet(sketch, high >>> (32 - this.#indexBits), rank);
  }

  /** Takes what `other` has met, which stays as it is. */
  merge(sketch: HyperLogLog, [, few, many]: HyperLogLog): void {
    for (const entry of few) this.#meet(sketch, entry >>> 6, entry & 63);
    for (const [chunk, text] of many.entries()) {
      for (let i = 0; i < text.length; i++) {
        this.#meet(sketch, chunk * chunkRegisters + i, rankAt(text, i));
      }
    }
  }

  /** Ertl's improved raw estimator. */
  estimate([counts]: HyperLogLog): number {
    const registers = this.#registers;
    const rankMax = 64 - this.#indexBits + 1;
    let z = registers * tau(1 - (counts[rankMax] ?? 0) / registers);
    for (let rank = rankMax - 1; rank > 0; rank--) z = 0.5 * (z + (counts[rank] ?? 0));
    z += registers * sigma((counts[0] as number) / registers); // create made it
    return Math.round((registers * registers) / (2 * Math.LN2 * z));
  }

  #meet(sketch: HyperLogLog, index: number, rank: number): void {
    const before =
      sketch[2].length > 0 ? meetInMany(sketch, index, rank) : meetInFew(sketch, index, rank);
    if (before >= rank) return;
    const [counts, few] = sketch;
    while (counts.length <= rank) counts.push(0);
    counts[before] = (counts[before] as number) - 1; // it was counted
    counts[rank] = (counts[rank] as number) + 1; // there is one now
    if (few.length > this.#fewMax) this.#writeAsText(sketch);
  }

  #writeAsText(sketch: HyperLogLog): void {
    const codes = new Array<number>(this.#registers).fill(firstCharacter);
    for (const entry of sketch[1]) codes[entry >>> 6] = firstCharacter + (entry & 63);
    for (let i = 0; i < codes.length; i += chunkRegisters) {
      sketch[2].push(String.fromCharCode(...codes.slice(i, i + chunkRegisters)));
    }
    sketch[1] = [];
  }
}

/** Returns the rank that the register held before. */
function meetInFew([, few]: HyperLogLog, index: number, rank: number): number {
  let low = 0;
  let high = few.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((few[middle] as number) >>> 6 < index)
      low = middle + 1; // below the length
    else high = middle;
  }
  const there = few[low];
  const entry = index * 64 + rank;
  if (there === undefined || there >>> 6 !== index) {
    few.splice(low, 0, entry);
    return 0;
  }
  if (entry > there) few[low] = entry;
  return there & 63;
}

/** Likewise. */
function meetInMany([, , many]: HyperLogLog, index: number, rank: number): number {
  const chunk = Math.floor(index / chunkRegisters);
  const at = index % chunkRegisters;
  const text = many[chunk] as string; // there is one for each 64
  const before = rankAt(text, at);
  if (rank > before) {
    const character = String.fromCharCode(firstCharacter + rank);
    many[chunk] = text.slice(0, at) + character + text.slice(at + 1);
  }
  return before;
}

function rankAt(text: string, at: number): number {
  return text.charCodeAt(at) - firstCharacter;
}

/** Of the share of registers that hold nothing; the paper's sigma. */
function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY;
  let [x, y, z, before] = [share, 1, share, -1];
  while (z !== before) {
    before = z;
    x *= x;
    z += x * y;
    y += y;
  }
  return z;
}

/** Of the share of registers that do not hold the greatest rank; the paper's tau. */
function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let [x, y, z, before] = [share, 1, 1 - share, -1];
  while (z !== before) {
    before = z;
    x = Math.sqrt(x);
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}
