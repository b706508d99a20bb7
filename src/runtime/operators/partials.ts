/** Accumulators by slice and key, in memory alone: of what was not passed on yet. */
import type { StateKey } from '../../state/index.ts';
import type { Key } from '../operator.ts';

/** What some records of a key in a slice come to. */
export interface Partial {
  /** Last millisecond of the slice, or of the window. */
  readonly slice: number;
  readonly key: Key;
  accumulator: unknown;
}

/** Those of one slice; each leaves the list and the map at once. */
interface OfSlice {
  readonly byKey: Map<StateKey, Partial>;
  /** In the order in which they came. */
  readonly inOrder: Partial[];
  /** The first one that has not left. */
  next: number;
}

export class Partials {
  readonly #slices = new Map<number, OfSlice>();
  /** Which slices there are, ascending. */
  readonly #inOrder: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Infinity where there is none. */
  get firstSlice(): number {
    return this.#inOrder[0] ?? Number.POSITIVE_INFINITY;
  }

  /** -Infinity where there is none. */
  get lastSlice(): number {
    return this.#inOrder.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  get(slice: number, key: StateKey): Partial | undefined {
    return this.#slices.get(slice)?.byKey.get(key);
  }

  /** There is none of the slice and key. */
  add(partial: Partial): void {
    const { slice, key } = partial;
    const ofSlice = this.#slices.get(slice) ?? this.#open(slice);
    ofSlice.byKey.set(key.state, partial);
    ofSlice.inOrder.push(partial);
    this.#size++;
  }

  /** Takes out the first one of the first slice; undefined where there is none. */
  takeFirst(): Partial | undefined {
    const ofSlice = this.#slices.get(this.firstSlice);
    const first = ofSlice?.inOrder[ofSlice.next];
    if (ofSlice === undefined || first === undefined) return undefined;
    ofSlice.byKey.delete(first.key.state);
    ofSlice.next++;
    this.#size--;
    if (ofSlice.next < ofSlice.inOrder.length) return first;
    this.#slices.delete(first.slice);
    this.#inOrder.shift();
    return first;
  }

  #open(slice: number): OfSlice {
    const ofSlice: OfSlice = { byKey: new Map(), inOrder: [], next: 0 };
    this.#slices.set(slice, ofSlice);
    let i = this.#inOrder.length;
    while (i > 0 && (this.#inOrder[i - 1] as number) > slice) i--; // records come nearly in order
    this.#inOrder.splice(i, 0, slice);
    return ofSlice;
  }
}
