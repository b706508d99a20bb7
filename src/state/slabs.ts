/**
 * Encoded values outside the JavaScript heap: the garbage collector has nothing to do with them,
 * and what they take is known to the byte.
 *
 *   slab of 1 MiB:  | owner, room | bytes ... | owner, room | bytes ... |      -> filled
 *
 * A value that is written again stays in its place where it fits there; else the place is dead.
 * When a quarter of everything is dead, the slab with the most of it is emptied into the newest one
 * (the cleaning of log-structured memory: Rumble and others, FAST 2014).
 */

const slabBytes = 2 ** 20;
const headerBytes = 8;

/** Bytes that are looked at in one call. */
const cleanedAtOnce = 100 * 1024;

/** Dead bytes that nobody minds. */
const deadSpare = 2 * slabBytes;

/** Places in a slab: they are multiples of 8. */
const placesPerSlab = slabBytes / 8;

/** Where a value lies: a number from 1 on, of 32 bits. */
export type SlabPlace = number;

interface Slab {
  readonly bytes: Buffer;
  /** The same memory: for headers. */
  readonly words: Uint32Array<ArrayBuffer>;
  used: number;
  dead: number;
}

export class Slabs {
  readonly #slabs: (Slab | undefined)[] = [];
  readonly #unused: number[] = [];
  #current = -1;
  /** The slab that is being emptied, and how far. */
  #cleaned: { readonly index: number; at: number } | undefined;
  #bytes = 0;
  #dead = 0;

  /** What is filled, with what is dead. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Writes a value of `owner` whose last one is at `place` (0: it had none); says where it is. */
  write(owner: number, place: SlabPlace, bytes: Uint8Array): SlabPlace {
    const room = roomFor(bytes.length);
    const keeps = place !== 0 && this.#fits(place, room);
    if (place !== 0 && !keeps) this.free(place);
    const to = keeps ? place : this.#allocate(owner, room);
    this.bytesOf(to).set(bytes, startOf(to));
    return to;
  }

  /** A place for `length` bytes of `owner`, which the caller writes. */
  reserve(owner: number, length: number): SlabPlace {
    return this.#allocate(owner, roomFor(length));
  }

  /** The bytes that hold the value at `place`, from `startOf(place)` on: not to be kept. */
  bytesOf(place: SlabPlace): Buffer {
    return this.#slabOf(place).bytes;
  }

  free(place: SlabPlace): void {
    const slab = this.#slabOf(place);
    const bytes = headerBytes + roomAt(slab, place);
    slab.dead += bytes;
    this.#dead += bytes;
    const index = indexOf(place);
    if (slab.dead === slab.used && index !== this.#current) this.#release(index, slab);
  }

  /** Whether too much is dead, so that `compact` has something to do. */
  get isSparse(): boolean {
    return this.#dead > deadSpare && this.#dead * 4 > this.#bytes;
  }

  /**
   * Goes on emptying the slab that has the most dead bytes, for about 100 KiB of it; asks of each
   * value whether it is alive, and says where it lies now.
   */
  compact(isAt: (owner: number, place: SlabPlace) => boolean, move: Mover): void {
    if (this.#cleaned === undefined) this.#cleaned = { index: this.#emptiest(), at: 0 };
    const { index, at: from } = this.#cleaned;
    const slab = this.#slabs[index];
    if (slab === undefined) {
      this.#cleaned = undefined;
      return;
    }
    let at = from;
    const end = Math.min(slab.used, from + cleanedAtOnce);
    // It goes with the last value that is alive; another slab may stand in its place then.
    while (at < end && this.#slabs[index] === slab) {
      const place = index * placesPerSlab + (at + headerBytes) / 8;
      const owner = slab.words[at / 4] as number; // within the slab
      const room = roomAt(slab, place);
      at += headerBytes + room;
      if (!isAt(owner, place)) continue;
      const to = this.#allocate(owner, room);
      this.bytesOf(to).set(slab.bytes.subarray(at - room, at), startOf(to));
      move(owner, to);
      this.free(place);
    }
    if (this.#slabs[index] !== slab) return;
    this.#cleaned.at = at;
    if (at === slab.used) this.#release(index, slab);
  }

  #slabOf(place: SlabPlace): Slab {
    return this.#slabs[indexOf(place)] as Slab; // who has a place has a slab
  }

  /** Whether a value that needs `room` may stay at `place`. */
  #fits(place: SlabPlace, room: number): boolean {
    const there = roomAt(this.#slabOf(place), place);
    return room <= there && there <= 2 * room + headerBytes;
  }

  #allocate(owner: number, room: number): SlabPlace {
    const index = this.#withRoom(headerBytes + room);
    const slab = this.#slabs[index] as Slab; // as it was just made or found
    const at = slab.used;
    slab.words[at / 4] = owner;
    slab.words[at / 4 + 1] = room;
    slab.used += headerBytes + room;
    this.#bytes += headerBytes + room;
    return index * placesPerSlab + (at + headerBytes) / 8;
  }

  #withRoom(bytes: number): number {
    if (bytes >= slabBytes) return this.#open(bytes); // a slab of its own
    const current = this.#slabs[this.#current];
    // Not to the last byte: a place lies before the end of its slab, even that of an empty value.
    if (current !== undefined && current.used + bytes < slabBytes) return this.#current;
    this.#current = this.#open(slabBytes);
    return this.#current;
  }

  #open(size: number): number {
    const index = this.#unused.pop() ?? this.#slabs.length;
    const memory = new ArrayBuffer(size);
    const [bytes, words] = [Buffer.from(memory), new Uint32Array(memory)];
    this.#slabs[index] = { bytes, words, used: 0, dead: 0 };
    return index;
  }

  #release(index: number, slab: Slab): void {
    this.#slabs[index] = undefined;
    slab.words.buffer.transfer(0); // frees it now: the collector may let 64 MiB of them gather
    this.#unused.push(index);
    if (this.#cleaned?.index === index) this.#cleaned = undefined;
    this.#bytes -= slab.used;
    this.#dead -= slab.dead;
  }

  #emptiest(): number {
    let emptiest = -1;
    let most = 0;
    for (const [index, slab] of this.#slabs.entries()) {
      if (slab === undefined || index === this.#current || slab.dead <= most) continue;
      emptiest = index;
      most = slab.dead;
    }
    return emptiest;
  }
}

/** Told that the value of `owner` lies at `place` now. */
export type Mover = (owner: number, place: SlabPlace) => void;

/** Where the value at `place` begins in the bytes of its slab. */
export function startOf(place: SlabPlace): number {
  return (place % placesPerSlab) * 8;
}

function indexOf(place: SlabPlace): number {
  return Math.floor(place / placesPerSlab);
}

function roomAt(slab: Slab, place: SlabPlace): number {
  return slab.words[startOf(place) / 4 - 1] as number; // its header
}

function roomFor(length: number): number {
  return Math.ceil(length / 8) * 8;
}
