/**
 * The last change of each entry among many, in the order of the bytes of their keys, which is about
 * that of the tables. Kept as numbers beside the bytes they came in: a fold of a few hundred
 * thousand changes makes no objects that a garbage collector would have to move.
 */
import type { Change } from './change.ts';

/** Numbers in an array that doubles as it fills. */
class Column {
  #numbers = new Uint32Array(1024);

  set(index: number, value: number): void {
    if (index >= this.#numbers.length) {
      const larger = new Uint32Array(this.#numbers.length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[index] = value;
  }

  get numbers(): Uint32Array {
    return this.#numbers;
  }
}

const deleted = 2 ** 32 - 1;

export class LatestChanges {
  readonly #buffers: Buffer[] = [];
  readonly #keyBuffer = new Column();
  readonly #keyAt = new Column();
  readonly #keyLength = new Column();
  readonly #valueBuffer = new Column();
  readonly #valueAt = new Column();
  readonly #valueLength = new Column();
  readonly #arrived = new Column();
  #count = 0;

  /** Takes a change, the `arrived`-th of all; keeps its bytes. */
  add({ key, value }: Change, arrived: number): void {
    const at = this.#count++;
    this.#keyBuffer.set(at, this.#bufferOf(key));
    this.#keyAt.set(at, key.byteOffset);
    this.#keyLength.set(at, key.length);
    this.#valueLength.set(at, value?.length ?? deleted);
    this.#arrived.set(at, arrived);
    if (value === null) return;
    this.#valueBuffer.set(at, this.#bufferOf(value));
    this.#valueAt.set(at, value.byteOffset);
  }

  *[Symbol.iterator](): Generator<Change & { readonly arrived: number }, void, void> {
    const order = Uint32Array.from({ length: this.#count }, (_, i) => i);
    const compare = this.#comparison();
    order.sort(compare);
    for (let i = 0; i < order.length; i++) {
      const at = order[i] as number; // below the length
      const next = order[i + 1];
      if (next !== undefined && this.#sameKey(at, next)) continue; // a later one
      yield this.#changeAt(at);
    }
  }

  #changeAt(at: number): Change & { readonly arrived: number } {
    const length = this.#valueLength.numbers[at] as number;
    return {
      key: this.#bytes(this.#keyBuffer, this.#keyAt, at, this.#keyLength.numbers[at] as number),
      value: length === deleted ? null : this.#bytes(this.#valueBuffer, this.#valueAt, at, length),
      arrived: this.#arrived.numbers[at] as number,
    };
  }

  #bytes(buffer: Column, from: Column, at: number, length: number): Buffer {
    const start = from.numbers[at] as number;
    return (this.#buffers[buffer.numbers[at] as number] as Buffer).subarray(start, start + length);
  }

  #sameKey(a: number, b: number): boolean {
    const length = this.#keyLength.numbers[a] as number;
    if (length !== this.#keyLength.numbers[b]) return false;
    const bytes = this.#bytes(this.#keyBuffer, this.#keyAt, a, length);
    return bytes.equals(this.#bytes(this.#keyBuffer, this.#keyAt, b, length));
  }

  /** By the bytes of the keys, then as they came; a loop, for calling out takes longer. */
  #comparison(): (a: number, b: number) => number {
    const [buffers, buffer] = [this.#buffers, this.#keyBuffer.numbers];
    const [from, length] = [this.#keyAt.numbers, this.#keyLength.numbers];
    return (a, b) => {
      const [x, y] = [
        buffers[buffer[a] as number] as Buffer,
        buffers[buffer[b] as number] as Buffer,
      ];
      const [xLength, yLength] = [length[a] as number, length[b] as number];
      const end = (from[a] as number) + Math.min(xLength, yLength);
      for (let i = from[a] as number, j = from[b] as number; i < end; i++, j++) {
        const difference = (x[i] as number) - (y[j] as number);
        if (difference !== 0) return difference;
      }
      return xLength - yLength || a - b;
    };
  }

  /** The memory under `bytes`, as they come from a few large buffers. */
  #bufferOf({ buffer }: Uint8Array): number {
    if (this.#buffers.at(-1)?.buffer !== buffer) {
      this.#buffers.push(Buffer.from(buffer as ArrayBuffer)); // ours are not shared
    }
    return this.#buffers.length - 1;
  }
}
