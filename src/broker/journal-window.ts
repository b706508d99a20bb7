/**
 * Bytes of a journal file around the tail, so that many small entries cost one read, and one entry
 * costs little more than its own bytes: the window grows while there is more to read.
 *
 * What it holds may be stale: bytes that were not there yet, or not whole. So a caller that finds
 * no valid entry in it looks again at fresh bytes. A valid entry never changes.
 */
import { entryHeaderBytes, entryLengthAt } from './entry-codec.ts';
import type { JournalFile } from './journal-file.ts';

const windowBytesMin = 16 * 1024;
const windowBytesMax = 1024 * 1024;

const noBytes = new Uint8Array(0);

export class JournalWindow {
  readonly #header = Buffer.alloc(entryHeaderBytes);
  #bytes: Uint8Array = noBytes;
  #start = 0;
  #size = windowBytesMin;

  /** Forgets everything: another file, or bytes that were changed. */
  clear(): void {
    this.#bytes = noBytes;
    this.#size = windowBytesMin;
  }

  /** The first bytes of the next entry, from the file unless the whole entry is here. */
  peek(file: JournalFile, position: number): Uint8Array {
    return this.#held(position) ?? this.peekFresh(file, position);
  }

  peekFresh({ file }: JournalFile, position: number): Uint8Array {
    const length = file.read(this.#header, 0, entryHeaderBytes, position);
    return this.#header.subarray(0, length);
  }

  /** Bytes from `position` on: at least the whole next entry, if it is in the file. */
  read(file: JournalFile, position: number): Uint8Array {
    return this.#held(position) ?? this.readFresh(file, position);
  }

  readFresh(journal: JournalFile, position: number): Uint8Array {
    const claimed = entryLengthAt(this.peekFresh(journal, position), 0);
    const follows = position === this.#start + this.#bytes.length;
    this.#size = follows ? Math.min(this.#size * 2, windowBytesMax) : windowBytesMin;
    const wanted = Math.min(Math.max(claimed, this.#size), journal.size - position);
    const bytes = Buffer.allocUnsafe(wanted);
    const length = journal.file.read(bytes, 0, wanted, position);
    this.#start = position;
    this.#bytes = bytes.subarray(0, length);
    return this.#bytes;
  }

  /** What is held from `position` on, if that is a whole entry. */
  #held(position: number): Uint8Array | undefined {
    const from = position - this.#start;
    if (from < 0 || from >= this.#bytes.length) return undefined;
    const length = entryLengthAt(this.#bytes, from);
    if (length === 0 || from + length > this.#bytes.length) return undefined;
    return this.#bytes.subarray(from);
  }
}
