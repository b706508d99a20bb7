/**
 * Copies of the last entries of the journal, as they lie in its files, so that those who wait for
 * them need not read a file.
 *
 * In chunks rather than an object per batch: tens of thousands of small buffers that live for
 * seconds were most of what the garbage collector had to move, 4 to 6 ms at a time.
 */

/** A run of bytes of one journal file. */
interface Chunk {
  readonly journal: number;
  /** Position of the first byte in the file. */
  readonly start: number;
  readonly bytes: Buffer;
  length: number;
}

const chunkBytes = 1024 * 1024;

export class RecentEntries {
  readonly #bytesMax: number;
  /** The oldest first. */
  readonly #chunks: Chunk[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Copies an entry that is durable. */
  add(journal: number, position: number, entry: Uint8Array): void {
    if (entry.length > this.#bytesMax / 4) return;
    const chunk = this.#chunkFor(journal, position, entry.length);
    chunk.bytes.set(entry, chunk.length);
    chunk.length += entry.length;
  }

  /** Undefined where not all of these bytes are held. They do not change any more. */
  get(journal: number, position: number, length: number): Uint8Array | undefined {
    for (let i = this.#chunks.length - 1; i >= 0; i--) {
      const chunk = this.#chunks[i] as Chunk; // below the length
      const from = position - chunk.start;
      if (chunk.journal !== journal || from < 0 || from + length > chunk.length) continue;
      return chunk.bytes.subarray(from, from + length);
    }
    return undefined;
  }

  #chunkFor(journal: number, position: number, length: number): Chunk {
    const last = this.#chunks.at(-1);
    const follows = last?.journal === journal && last.start + last.length === position;
    if (last !== undefined && follows && last.length + length <= last.bytes.length) return last;
    const bytes = Buffer.allocUnsafeSlow(Math.max(length, Math.min(chunkBytes, this.#bytesMax)));
    const chunk = { journal, start: position, bytes, length: 0 };
    this.#chunks.push(chunk);
    this.#bytes += bytes.length;
    while (this.#bytes > this.#bytesMax && this.#chunks.length > 1) {
      this.#bytes -= this.#chunks.shift()?.bytes.length ?? 0;
    }
    return chunk;
  }
}
