/**
 * Writes in the background in small synced portions with pauses between them, so that the fdatasync
 * of a commit never waits behind much of it.
 */
import type { Clock, File } from '../platform/index.ts';

/** Bytes between two syncs. */
const portionBytes = 256 * 1024;

/** Files smaller than this are not worth a pause, in bytes. */
const pausesFromBytes = 8 * 1024 * 1024;

const pauseMs = 5;

export class PacedWriter {
  readonly #file: File;
  readonly #clock: Clock;
  readonly #durable: boolean;
  #position = 0;
  #unsynced = 0;

  constructor(file: File, clock: Clock, durable: boolean) {
    this.#file = file;
    this.#clock = clock;
    this.#durable = durable;
  }

  /** Bytes written so far. */
  get position(): number {
    return this.#position;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#file.write(bytes, this.#position);
    this.#position += bytes.length;
    this.#unsynced += bytes.length;
    if (this.#unsynced < portionBytes) return;
    this.sync();
    if (this.#position < pausesFromBytes) return;
    await new Promise<void>((resolve) => this.#clock.after(pauseMs, resolve));
  }

  sync(): void {
    if (this.#durable) this.#file.sync();
    this.#unsynced = 0;
  }
}
