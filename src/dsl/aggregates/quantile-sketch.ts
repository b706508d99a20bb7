/**
 * A sketch of numbers from which their quantiles can be told, each with a relative error of at most
 * `error`: DDSketch (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch
 * with relative-error guarantees", VLDB 2019).
 *
 *   bin     ...      -1        0        1            2            3       ...
 *           ... [-s·γ, -s)   [-s, s]  (s, s·γ]   (s·γ, s·γ²]  (s·γ², s·γ³] ...
 *
 *   s = 1e-300, γ = (1 + error) / (1 - error)
 *
 * All numbers of a bin are told as one, from which none of them differs by more than `error` of
 * itself; those of bin 0 as 0. Where a sketch would have more than `binsMax` bins, each two
 * neighbours become one, which about doubles the error, at all quantiles alike: so does UDDSketch
 * (Epicoco, Melle, Cafaro, Pulimeno and Morleo, 2020). How often that happens depends on which bins
 * there would be without, so a sketch depends on its numbers alone: not on their order, nor on how
 * sketches were merged.
 *
 * The least and the greatest number are kept as they are.
 */

/** Plain JSON; bins ascend, and those that are empty are left out. */
export interface QuantileSketch {
  count: number;
  /** Of these numbers; 0 where there are none. */
  min: number;
  max: number;
  /** How often each two neighbours became one. */
  level: number;
  bins: number[];
  counts: number[];
}

const smallest = 1e-300;
const logSmallest = Math.log(smallest);

/** Numbers of one sign that differ by less than this many powers of ten have bins enough. */
const decadesMin = 17;

export class SketchScale {
  readonly binsMax: number;
  readonly #logGamma: number;

  /** `error`: more than 0, less than 1. */
  constructor(error: number) {
    this.#logGamma = Math.log((1 + error) / (1 - error));
    this.binsMax = Math.ceil((decadesMin * Math.LN10) / this.#logGamma);
  }

  create(): QuantileSketch {
    return { count: 0, min: 0, max: 0, level: 0, bins: [], counts: [] };
  }

  add(sketch: QuantileSketch, x: number): void {
    include(sketch, 1, x, x);
    count(sketch, this.#binOf(x, sketch.level), 1);
    this.#collapse(sketch);
  }

  /** Adds what is in `other`, which stays as it is. */
  merge(sketch: QuantileSketch, other: QuantileSketch): void {
    if (other.count === 0) return;
    include(sketch, other.count, other.min, other.max);
    while (sketch.level < other.level) collapse(sketch);
    const coarser = sketch.level - other.level;
    for (let i = 0; i < other.bins.length; i++) {
      const bin = coarserBin(other.bins[i] as number, coarser); // below the length
      count(sketch, bin, other.counts[i] as number); // the same
    }
    this.#collapse(sketch);
  }

  /**
   * About the number at index `floor(q (count - 1))` of all in ascending order; `q` from 0 to 1.
   * There is at least one.
   */
  quantile({ count, min, max, level, bins, counts }: QuantileSketch, q: number): number {
    const rank = Math.floor(q * (count - 1));
    if (rank === 0) return min;
    if (rank === count - 1) return max;
    let i = 0;
    let passed = counts[0] as number; // there is one
    while (passed <= rank) passed += counts[++i] as number; // all of them are more than the rank
    return Math.min(Math.max(this.#valueOf(bins[i] as number, level), min), max); // it has a count
  }

  #binOf(x: number, level: number): number {
    const size = x < 0 ? -x : x;
    if (size <= smallest) return 0;
    const above = Math.log(size) - logSmallest; // 0 where they differ by too little for that
    const bin = Math.max(Math.ceil(above / (this.#logGamma * 2 ** level)), 1);
    return x < 0 ? -bin : bin;
  }

  /** As far from the least as from the greatest number of the bin, relative to them. */
  #valueOf(bin: number, level: number): number {
    if (bin === 0) return 0;
    const logGamma = this.#logGamma * 2 ** level;
    const greatest = logSmallest + Math.abs(bin) * logGamma; // its logarithm, for it may overflow
    return Math.sign(bin) * Math.exp(greatest + Math.log(2 / (1 + Math.exp(logGamma))));
  }

  #collapse(sketch: QuantileSketch): void {
    while (sketch.bins.length > this.binsMax) collapse(sketch);
  }
}

function include(sketch: QuantileSketch, count: number, min: number, max: number): void {
  if (sketch.count === 0 || min < sketch.min) sketch.min = min;
  if (sketch.count === 0 || max > sketch.max) sketch.max = max;
  sketch.count += count;
}

function count({ bins, counts }: QuantileSketch, bin: number, by: number): void {
  let low = 0;
  let high = bins.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((bins[middle] as number) < bin) low = middle + 1;
    else high = middle;
  }
  if (bins[low] === bin) {
    counts[low] = (counts[low] as number) + by; // beside its bin
    return;
  }
  bins.splice(low, 0, bin);
  counts.splice(low, 0, by);
}

/** Makes one of each two bins. */
function collapse(sketch: QuantileSketch): void {
  const { bins, counts } = sketch;
  let kept = 0;
  for (let i = 0; i < bins.length; i++) {
    const bin = coarserBin(bins[i] as number, 1); // below the length
    const count = counts[i] as number; // beside its bin
    if (kept > 0 && bins[kept - 1] === bin) {
      counts[kept - 1] = (counts[kept - 1] as number) + count; // the same
    } else {
      bins[kept] = bin;
      counts[kept] = count;
      kept++;
    }
  }
  bins.length = kept;
  counts.length = kept;
  sketch.level++;
}

/** The bin in which a bin lies when each two neighbours have become one so many times. */
function coarserBin(bin: number, times: number): number {
  const size = Math.ceil(Math.abs(bin) / 2 ** times);
  return bin < 0 ? -size : size;
}
