/**
 * Gathers bytes in a few large buffers of their own, which can be handed to another thread without
 * a copy.
 */
export class ByteChunks {
  #full: Uint8Array<ArrayBuffer>[] = [];
  #last = new Uint8Array(0);
  #used = 0;
  #bytes = 0;

  /** Bytes gathered since `take`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Copies `bytes` behind what is there; they stay together. */
  add(bytes: Uint8Array): void {
    if (this.#used + bytes.length > this.#last.length) {
      this.#close();
      this.#last = new Uint8Array(Math.max(chunkBytes, bytes.length));
    }
    this.#last.set(bytes, this.#used);
    this.#used += bytes.length;
    this.#bytes += bytes.length;
  }

  /** Everything, in order; nothing is left here. */
  take(): Uint8Array<ArrayBuffer>[] {
    this.#close();
    const all = this.#full;
    this.#full = [];
    this.#bytes = 0;
    return all;
  }

  #close(): void {
    if (this.#used > 0) this.#full.push(this.#last.subarray(0, this.#used));
    this.#last = new Uint8Array(0);
    this.#used = 0;
  }
}

const chunkBytes = 1024 * 1024;
