/**
 * The entries of a store by key, in the order of keys where it is asked for. A large map is split
 * by key group: growing, and sorting what is walked over, then take a 128th of the time at once.
 *
 *   part:  | hash, entry | 0, 0 | hash, entry | ...     entries from 1 on, so that 0 is nothing
 *
 * Numbers only, with linear probing (Knuth, TAOCP 3, 6.4, algorithm L, and R to delete): keys are
 * compared where they lie. So millions of keys are a few hundred objects to
 * the garbage collector.
 */
import type { EntryKeys } from './entry-keys.ts';
import type { EntryId } from './entry-table.ts';
import { groupOf, hashOf, keyGroups } from './key.ts';
import type { StateKey } from './stores.ts';

/** Keys from which a map is split. */
const splitAt = 4096;

const slotsAtFirst = 4;

class Part {
  readonly #keys: EntryKeys;
  #slots = new Uint32Array(2 * slotsAtFirst);
  #size = 0;

  constructor(keys: EntryKeys) {
    this.#keys = keys;
  }

  get size(): number {
    return this.#size;
  }

  get(key: StateKey, hash: number): EntryId | undefined {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = slots[2 * at + 1] as number; // below the mask
      if (entry === 0) return undefined;
      if (slots[2 * at] === hash && this.#keys.isKey(entry - 1, key)) return entry - 1;
    }
  }

  add(hash: number, entry: EntryId): void {
    if (4 * (this.#size + 1) > 3 * (this.#slots.length / 2)) this.#grow();
    this.#place(hash, entry + 1);
    this.#size++;
  }

  /** Whether it was there. */
  delete(hash: number, entry: EntryId): boolean {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    let hole = hash & mask;
    for (; slots[2 * hole + 1] !== entry + 1; hole = (hole + 1) & mask) {
      if (slots[2 * hole + 1] === 0) return false;
    }
    for (let at = (hole + 1) & mask; slots[2 * at + 1] !== 0; at = (at + 1) & mask) {
      const home = (slots[2 * at] as number) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue; // it may not go so far back
      slots[2 * hole] = slots[2 * at] as number;
      slots[2 * hole + 1] = slots[2 * at + 1] as number;
      hole = at;
    }
    slots[2 * hole + 1] = 0;
    this.#size--;
    return true;
  }

  /** The entries that are in it now. */
  entries(): EntryId[] {
    const entries: EntryId[] = [];
    for (let i = 1; i < this.#slots.length; i += 2) {
      const entry = this.#slots[i] as number; // below the length
      if (entry !== 0) entries.push(entry - 1);
    }
    return entries;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    for (let i = 0; i < old.length; i += 2) {
      const entry = old[i + 1] as number; // below the length
      if (entry !== 0) this.#place(old[i] as number, entry);
    }
  }

  #place(hash: number, entry: number): void {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    let at = hash & mask;
    while (slots[2 * at + 1] !== 0) at = (at + 1) & mask;
    slots[2 * at] = hash;
    slots[2 * at + 1] = entry;
  }
}

export interface Found {
  readonly key: StateKey;
  readonly entry: EntryId;
}

export class KeyMap {
  readonly #keys: EntryKeys;
  #whole: Part | undefined;
  #groups: (Part | undefined)[] = [];
  #size = 0;
  /** While it is walked over: the part, and its keys that are left, the first one last. */
  #walkGroup = 0;
  #walk: StateKey[] | undefined;

  /** `keys`: those of the entries. */
  constructor(keys: EntryKeys) {
    this.#keys = keys;
    this.#whole = new Part(keys);
  }

  get size(): number {
    return this.#size;
  }

  get(key: StateKey): EntryId | undefined {
    return (this.#whole ?? this.#groups[groupOf(key)])?.get(key, hashOf(key));
  }

  /** `key`, which is that of `entry`, is not in it. */
  add(key: StateKey, entry: EntryId): void {
    if (this.#whole !== undefined && this.#size >= splitAt) this.#split(this.#whole);
    (this.#whole ?? this.#partOf(groupOf(key))).add(hashOf(key), entry);
    this.#size++;
    this.#meet(key);
  }

  delete(entry: EntryId): void {
    const part = this.#whole ?? this.#groups[this.#keys.group(entry)];
    if (part?.delete(this.#keys.hash(entry), entry) === true) this.#size--;
  }

  /** The entries that are in it as long as the walk takes, in no order; some may come twice. */
  *values(): Generator<EntryId, void, void> {
    if (this.#whole !== undefined) yield* this.#valuesOf(this.#whole);
    // It may be split meanwhile: then some come twice.
    for (let group = 0; group < this.#groups.length; group++) {
      const part = this.#groups[group];
      if (part !== undefined) yield* this.#valuesOf(part);
    }
  }

  /**
   * The first key, in order, whose entry `isWanted`; one that is not wanted is not asked for again
   * unless it is added anew or `meet` names it.
   */
  first(isWanted: (entry: EntryId) => boolean): Found | undefined {
    for (;;) {
      this.#walk ??= this.#keysFrom(this.#walkGroup);
      if (this.#walk === undefined) return undefined;
      const key = this.#walk.at(-1);
      if (key === undefined) {
        this.#nextGroup();
        continue;
      }
      const entry = this.get(key);
      if (entry !== undefined && isWanted(entry)) return { key, entry };
      this.#walk.pop();
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
    if (group >= (this.#whole === undefined ? keyGroups : 1)) return undefined;
    const entries = (this.#whole ?? this.#groups[group])?.entries() ?? [];
    return entries.map((entry) => this.#keys.key(entry)).sort(descending);
  }

  *#valuesOf(part: Part): Generator<EntryId, void, void> {
    for (const entry of part.entries()) {
      // Whoever walks may have removed it, and its number may be that of another one now.
      if (this.get(this.#keys.key(entry)) === entry) yield entry;
    }
  }

  #partOf(group: number): Part {
    const known = this.#groups[group];
    if (known !== undefined) return known;
    const part = new Part(this.#keys);
    this.#groups[group] = part;
    return part;
  }

  #split(whole: Part): void {
    for (const entry of whole.entries()) {
      this.#partOf(this.#keys.group(entry)).add(this.#keys.hash(entry), entry);
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
