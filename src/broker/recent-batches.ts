/**
 * Batches that were just appended, so that those who wait for them need not read a file. The oldest
 * go first.
 */
import { type FileRef, kindOf, numberOf } from './file-ref.ts';
import type { Place } from './operation.ts';

export class RecentBatches {
  readonly #bytesMax: number;
  readonly #batches = new Map<number, Uint8Array>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Keeps `batches`, which must not change any more. */
  add(place: Place, batches: Uint8Array): void {
    if (batches.length > this.#bytesMax / 4 || kindOf(place.file) !== 'journal') return;
    this.#batches.set(keyOf(place.file, place.position), batches);
    this.#bytes += batches.length;
    if (this.#bytes <= this.#bytesMax) return;
    for (const [key, oldest] of this.#batches) {
      this.#batches.delete(key);
      this.#bytes -= oldest.length;
      if (this.#bytes <= this.#bytesMax / 2) return;
    }
  }

  get(file: FileRef, position: number): Uint8Array | undefined {
    return this.#batches.get(keyOf(file, position));
  }
}

/** Journal file and byte in one number: 2 M files of 4 GiB. */
function keyOf(file: FileRef, position: number): number {
  return numberOf(file) * 2 ** 32 + position;
}
