/**
 * A map by state key, in the order of keys where it is asked for. A large one is split by key
 * group: growing, and sorting what is walked over, then take a 128th of the time at once.
 */
import { groupOf, keyGroups } from './key.ts';
import type { StateKey } from './stores.ts';

/** Keys from which a map is split. */
const splitAt = 4096;

export class KeyMap<Value> {
  #whole: Map<StateKey, Value> | undefined = new Map();
  #groups: (Map<StateKey, Value> | undefined)[] = [];
  #size = 0;
  /** While it is walked over: the part, and its keys that are left, the first one last. */
  #walkGroup = 0;
  #walk: StateKey[] | undefined;

  get size(): number {
    return this.#size;
  }

  get(key: StateKey): Value | undefined {
    return (this.#whole ?? this.#groups[key.charCodeAt(0)])?.get(key);
  }

  /** `key` is not in it. */
  add(key: StateKey, value: Value): void {
    if (this.#whole !== undefined && this.#size >= splitAt) this.#split(this.#whole);
    let part = this.#whole ?? this.#groups[groupOf(key)];
    if (part === undefined) {
      part = new Map();
      this.#groups[groupOf(key)] = part;
    }
    part.set(key, value);
    this.#size++;
    this.#meet(key);
  }

  delete(key: StateKey): void {
    const part = this.#whole ?? this.#groups[groupOf(key)];
    if (part?.delete(key) === true) this.#size--;
  }

  *values(): Generator<Value, void, void> {
    if (this.#whole !== undefined) yield* this.#whole.values();
    // It may be split meanwhile: then some come twice.
    for (let group = 0; group < this.#groups.length; group++) {
      const part = this.#groups[group];
      if (part !== undefined) yield* part.values();
    }
  }

  /**
   * The first key, in order, whose value `isWanted`; one that is not wanted is not asked for again
   * unless it is added anew or `meet` names it.
   */
  first(isWanted: (value: Value) => boolean): Value | undefined {
    for (;;) {
      this.#walk ??= this.#keysFrom(this.#walkGroup);
      if (this.#walk === undefined) return undefined;
      const key = this.#walk.at(-1);
      const value = key === undefined ? undefined : this.get(key);
      if (value !== undefined && isWanted(value)) return value;
      if (key === undefined) this.#nextGroup();
      else this.#walk.pop();
    }
  }

  /** A key that is in it is wanted again. */
  meet(key: StateKey): void {
    this.#meet(key);
  }

  #meet(key: StateKey): void {
    if (this.#walk === undefined && this.#walkGroup === 0) return;
    const group = this.#whole === undefined ? groupOf(key) : 0;
    if (group > this.#walkGroup) return;
    if (group === this.#walkGroup && this.#walk !== undefined) {
      insertDescending(this.#walk, key);
      return;
    }
    this.#walkGroup = group;
    this.#walk = undefined;
  }

  #nextGroup(): void {
    this.#walk = undefined;
    this.#walkGroup++;
  }

  /** Undefined behind the last part. */
  #keysFrom(group: number): StateKey[] | undefined {
    if (this.#whole !== undefined) {
      return group === 0 ? [...this.#whole.keys()].sort(descending) : undefined;
    }
    if (group >= keyGroups) return undefined;
    return [...(this.#groups[group]?.keys() ?? [])].sort(descending);
  }

  #split(whole: Map<StateKey, Value>): void {
    for (const [key, value] of whole) {
      const group = groupOf(key);
      const part = this.#groups[group] ?? new Map<StateKey, Value>();
      this.#groups[group] = part;
      part.set(key, value);
    }
    this.#whole = undefined;
    this.#walk = undefined;
    this.#walkGroup = 0;
  }
}

function descending(a: StateKey, b: StateKey): number {
  return a < b ? 1 : -1;
}

function insertDescending(keys: StateKey[], key: StateKey): void {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = keys[middle] as StateKey; // between the bounds
    if (other === key) return;
    if (other > key) low = middle + 1;
    else high = middle;
  }
  keys.splice(low, 0, key);
}
