/**
 * Merges the slices of a window that fires. Windows that follow one another have most slices in
 * common, so what they come to is kept: with it a window costs a few merges, however many slices it
 * has, and without it one for each.
 *
 *   slices     | . . . . . . . . | . . . . . . . . |     in blocks as long as a window
 *   window            [----------------)
 *                      head       tail
 *
 * The head is merged from the block's end backwards, the tail from the block's begin forwards
 * (van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and octagonal
 * kernels", 1992). So which slices are merged with which depends on where the window lies, and not
 * on what was kept: variances come to the same digits after a restart.
 *
 * Nothing here is state. What is kept of a key must be forgotten when one of the slices in a window
 * that has fired changes.
 */
import { assert } from '../../platform/index.ts';
import type { StateKey, TimedStore } from '../../state/index.ts';
import type { Aggregation } from '../graph.ts';
import type { Slices } from './slices.ts';

/** What the slices of a stretch of time come to. */
export interface Merged {
  readonly accumulator: unknown;
  /** The last slice that there is. */
  readonly last: number;
}

/** What is kept of a key. */
interface Kept {
  /** Each is from a slice to the end of their block; that of the last slice comes first. */
  headBlock: number;
  readonly heads: (Merged | undefined)[];
  /** The block of the tail, and the slice up to which it is merged. */
  tailBlock: number;
  tailEnd: number;
  tail: Merged | undefined;
}

/** Accumulators kept; of more keys nothing is. */
const keptMax = 131_072;

export class SliceMerger {
  readonly #aggregate: Aggregation;
  readonly #slices: Slices;
  readonly #store: TimedStore<unknown>;
  readonly #kept = new Map<StateKey, Kept>();
  #size = 0;

  constructor(aggregate: Aggregation, slices: Slices, store: TimedStore<unknown>) {
    this.#aggregate = aggregate;
    this.#slices = slices;
    this.#store = store;
  }

  /** What the slices of a window come to; it is not to be changed, and has at least one. */
  merge(window: number, key: StateKey): Merged {
    const kept = this.#kept.get(key) ?? newKept();
    const sizeBefore = sizeOf(kept);
    const start = this.#slices.startOf(window);
    const block = this.#slices.blockOf(start);
    const head = start === block ? undefined : this.#head(kept, block, start, key);
    const tailBlock = start === block ? block : block + this.#slices.blockMs;
    const tail = this.#tail(kept, tailBlock, window, key);
    this.#keep(kept, sizeBefore, key);
    if (head === undefined || tail === undefined) {
      const only = head ?? tail;
      assert(only !== undefined, 'a window that fires has a record');
      return only;
    }
    const copy = this.#aggregate.merge(this.#aggregate.create(), head.accumulator);
    return { accumulator: this.#aggregate.merge(copy, tail.accumulator), last: tail.last };
  }

  forget(key: StateKey): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#size -= sizeOf(kept);
    this.#kept.delete(key);
  }

  /** From `start` to the end of its block. */
  #head(kept: Kept, block: number, start: number, key: StateKey): Merged | undefined {
    const { sliceMs, blockMs } = this.#slices;
    const end = block + blockMs;
    if (kept.headBlock !== block) kept.heads.length = 0;
    kept.headBlock = block;
    let after = kept.heads.at(-1);
    for (let slice = end - 1 - kept.heads.length * sliceMs; slice >= start; slice -= sliceMs) {
      after = this.#before(slice, after, key);
      kept.heads.push(after);
    }
    return kept.heads[(end - start) / sliceMs - 1];
  }

  /** A slice, and what comes after it. */
  #before(slice: number, after: Merged | undefined, key: StateKey): Merged | undefined {
    const accumulator = this.#store.get(slice, key);
    if (accumulator === undefined) return after;
    const copy = this.#aggregate.merge(this.#aggregate.create(), accumulator);
    if (after === undefined) return { accumulator: copy, last: slice };
    return { accumulator: this.#aggregate.merge(copy, after.accumulator), last: after.last };
  }

  /** From the begin of a block up to the last slice of a window. */
  #tail(kept: Kept, block: number, window: number, key: StateKey): Merged | undefined {
    const { sliceMs } = this.#slices;
    if (kept.tailBlock !== block) {
      kept.tail = undefined;
      kept.tailEnd = block - 1;
    }
    kept.tailBlock = block;
    for (let slice = kept.tailEnd + sliceMs; slice <= window; slice += sliceMs) {
      const next = this.#store.get(slice, key);
      if (next === undefined) continue;
      const before = kept.tail?.accumulator ?? this.#aggregate.create();
      kept.tail = { accumulator: this.#aggregate.merge(before, next), last: slice };
    }
    kept.tailEnd = window;
    return kept.tail;
  }

  #keep(kept: Kept, sizeBefore: number, key: StateKey): void {
    const more = sizeOf(kept) - (this.#kept.has(key) ? sizeBefore : 0);
    if (this.#size + more > keptMax) {
      this.#size -= sizeOf(kept) - more;
      this.#kept.delete(key);
    } else {
      this.#size += more;
      this.#kept.set(key, kept);
    }
  }
}

function newKept(): Kept {
  const never = Number.NaN;
  return { headBlock: never, heads: [], tailBlock: never, tailEnd: never, tail: undefined };
}

function sizeOf({ heads }: Kept): number {
  return heads.length + 1;
}
