/**
 * What memory knows of the elements of one key of a list or map: an entry for each item, and their
 * order.
 */
import type { EntryId } from './entry-table.ts';
import type { StateKey } from './stores.ts';

/** How many items there are where their order is kept: few are sorted at once, and take less. */
const orderKeptFrom = 128;

/** The elements of one key. */
export class Elements {
  readonly key: StateKey;
  readonly entries: Map<string, EntryId> = new Map();
  part: number;
  /** Stands for the removal of all elements, until it is folded. */
  removal: EntryId | undefined;
  /** Whether the entries lie in the map in their order. */
  #sorted = true;
  #lastAdded = '';
  /** Items in order, once somebody asked for it: all but those added since, and some that went. */
  #order: string[] | undefined;
  #addedSince: string[] = [];

  constructor(key: StateKey, part: number) {
    this.key = key;
    this.part = part;
  }

  add(item: string, entry: EntryId): void {
    if (this.entries.size > 0 && item < this.#lastAdded) this.#sorted = false;
    this.#lastAdded = item;
    this.entries.set(item, entry);
    if (this.#order !== undefined) this.#addedSince.push(item);
  }

  get lastAdded(): string {
    return this.#lastAdded;
  }

  /** An item is as if it had never been added; `before`: the one that was added before it. */
  takeBack(item: string, before: string): void {
    if (item === this.#lastAdded) this.#lastAdded = before; // else more was read since
  }

  /**
   * The items in memory now, in order, and perhaps some that have gone. What is returned may get
   * longer, and does not change otherwise. Where there are many, what was added is taken in when it
   * is asked for again, so that they are sorted only once.
   */
  ordered(): readonly string[] {
    const order = this.#order;
    const added = this.#addedSince;
    if (order === undefined) {
      const items = [...this.entries.keys()];
      if (!this.#sorted) items.sort();
      if (items.length >= orderKeptFrom) this.#order = items;
      return items;
    }
    if (order.length + added.length > 2 * this.entries.size) {
      const kept = order.filter((item) => this.entries.has(item));
      this.#order = merged(kept, added.sort());
    } else if (added.length > 0) {
      this.#order = withAdded(order, added.sort());
    }
    added.length = 0;
    return this.#order ?? order;
  }

  /** The largest item in memory that is no mark of a deletion; empty where there is none. */
  lastItem(isLive: (entry: EntryId) => boolean): string {
    const last = this.entries.get(this.#lastAdded);
    if (this.#sorted && last !== undefined && isLive(last)) return this.#lastAdded;
    let [largest, present] = ['', ''];
    for (const [item, entry] of this.entries) {
      if (item > present) present = item;
      if (item > largest && isLive(entry)) largest = item;
    }
    if (this.#sorted) this.#lastAdded = present; // what was added last may be gone
    return largest;
  }
}

/** So many items are put in their places; more are merged. */
const placedMax = 16;

/** `order` with what was added, in order: itself where all of that belongs behind it. */
function withAdded(order: string[], added: readonly string[]): string[] {
  const [first = ''] = added;
  const last = order.at(-1);
  if (last === undefined || first > last) {
    for (const item of added) order.push(item);
    return order;
  }
  if (added.length > placedMax) return merged(order, added);
  const all = order.slice();
  for (const item of added) {
    const at = placeBehind(all, item);
    if (all[at - 1] !== item) all.splice(at, 0, item);
  }
  return all;
}

/** Both are in order; what is in both stands there once. */
function merged(left: readonly string[], right: readonly string[]): string[] {
  const all: string[] = [];
  let i = 0;
  for (const item of right) {
    for (let next = left[i]; next !== undefined && next <= item; next = left[++i]) {
      if (next < item) all.push(next);
    }
    if (all.at(-1) !== item) all.push(item);
  }
  for (; i < left.length; i++) all.push(left[i] as string); // below the length
  return all;
}

/** Where the first item behind `after` stands. */
export function placeBehind(items: readonly string[], after: string | undefined): number {
  if (after === undefined) return 0;
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((items[middle] as string) <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
