/** Files kept open for reading, the least recently opened closed first. */
import type { File, FileSystem } from '../platform/index.ts';

/** Handles; each is a file descriptor. */
const openMax = 128;

export class OpenFiles {
  readonly #files: FileSystem;
  readonly #open = new Map<string, File>();

  constructor(files: FileSystem) {
    this.#files = files;
  }

  /** Fails with `IO` where the file can't be opened. */
  get(path: string): File {
    const known = this.#open.get(path);
    if (known !== undefined) return known;
    const file = this.#files.open(path, 'read');
    this.#open.set(path, file);
    if (this.#open.size > openMax) this.#closeOldest();
    return file;
  }

  close(): void {
    for (const file of this.#open.values()) file.close();
    this.#open.clear();
  }

  #closeOldest(): void {
    for (const [path, file] of this.#open) {
      file.close();
      this.#open.delete(path);
      return;
    }
  }
}
