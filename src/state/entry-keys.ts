/**
 * The keys of the entries in memory, as bytes in slabs: as strings they would be an object for each
 * entry, which the garbage collector has to look at. A string is made of one where it is asked for.
 *
 *   place:  | key group (1) | key | item |
 */
import type { EntryId } from './entry-table.ts';
import { hashOfBytes } from './key.ts';
import { type SlabPlace, Slabs, startOf } from './slabs.ts';
import type { StateKey } from './stores.ts';

/** Columns are arrays of so many entries. */
export const pageBits = 10;
export const pageSize: number = 2 ** pageBits;

class Page {
  /** 0 where there is no entry. */
  readonly places = new Uint32Array(pageSize);
  readonly lengths = new Uint32Array(pageSize);
  readonly itemLengths = new Uint32Array(pageSize);
}

export class EntryKeys {
  readonly #slabs = new Slabs();
  readonly #pages: Page[] = [];
  #itemBytes = 0;

  /** What keys and items take, in bytes. Items lie in maps of their stores too, as strings. */
  get bytes(): number {
    return this.#slabs.bytes + this.#itemBytes;
  }

  /** Entries are numbered from 0 on: `id` has been there before, or is the next one. */
  add(id: EntryId, key: StateKey, item: string): void {
    if (id >>> pageBits === this.#pages.length) this.#pages.push(new Page());
    const [page, at] = [this.#page(id), id & (pageSize - 1)];
    const place = this.#slabs.reserve(id, key.length + item.length);
    page.places[at] = place;
    page.lengths[at] = key.length;
    page.itemLengths[at] = item.length;
    this.#itemBytes += item.length;
    const bytes = this.#slabs.bytesOf(place);
    bytes.write(key, startOf(place), 'latin1');
    if (item !== '') bytes.write(item, startOf(place) + key.length, 'latin1');
  }

  remove(id: EntryId): void {
    const [page, at] = [this.#page(id), id & (pageSize - 1)];
    this.#slabs.free(page.places[at] as SlabPlace);
    page.places[at] = 0;
    this.#itemBytes -= page.itemLengths[at] as number;
  }

  /** Empty for an entry that was removed. */
  key(id: EntryId): StateKey {
    const [page, at] = [this.#page(id), id & (pageSize - 1)];
    const place = page.places[at] as SlabPlace;
    if (place === 0) return '';
    const start = startOf(place);
    return this.#slabs.bytesOf(place).toString('latin1', start, start + this.length(id));
  }

  item(id: EntryId): string {
    const [page, at] = [this.#page(id), id & (pageSize - 1)];
    const length = page.itemLengths[at] as number;
    if (length === 0) return '';
    const place = page.places[at] as SlabPlace;
    const start = startOf(place) + this.length(id);
    return this.#slabs.bytesOf(place).toString('latin1', start, start + length);
  }

  isKey(id: EntryId, key: StateKey): boolean {
    const [page, at] = [this.#page(id), id & (pageSize - 1)];
    const place = page.places[at] as SlabPlace;
    if (place === 0 || page.lengths[at] !== key.length) return false;
    const bytes = this.#slabs.bytesOf(place);
    const start = startOf(place);
    for (let i = 0; i < key.length; i++) if (bytes[start + i] !== key.charCodeAt(i)) return false;
    return true;
  }

  length(id: EntryId): number {
    return this.#page(id).lengths[id & (pageSize - 1)] as number;
  }

  /** Writes the key at the end of `into`, which has room for it. */
  writeAtEnd(id: EntryId, into: Buffer): Buffer {
    const place = this.#place(id);
    const [start, length] = [startOf(place), this.length(id)];
    this.#slabs.bytesOf(place).copy(into, into.length - length, start, start + length);
    return into;
  }

  /** The key group. */
  group(id: EntryId): number {
    const place = this.#place(id);
    return this.#slabs.bytesOf(place)[startOf(place)] as number; // a key begins with it
  }

  /** `hashOf` the key. */
  hash(id: EntryId): number {
    const place = this.#place(id);
    const start = startOf(place);
    return hashOfBytes(this.#slabs.bytesOf(place), start, start + this.length(id));
  }

  /** Gives up a portion of dead bytes. */
  tidy(): void {
    if (!this.#slabs.isSparse) return;
    this.#slabs.compact(
      (id, place) => this.#place(id) === place,
      (id, place) => {
        this.#page(id).places[id & (pageSize - 1)] = place;
      },
    );
  }

  #page(id: EntryId): Page {
    return this.#pages[id >>> pageBits] as Page; // who has an id has a page
  }

  #place(id: EntryId): SlabPlace {
    return this.#page(id).places[id & (pageSize - 1)] as SlabPlace;
  }
}
