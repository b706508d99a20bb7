/**
 * The mark: how far the journal is known to be durable, for processes that read it without the
 * lock.
 *
 * Whoever has synced an entry writes the mark, and does not sync it: a killed process leaves it
 * right, and a power cut leaves it right or behind, never ahead. Readers show entries up to the
 * mark. Beyond it goes who takes the lock or opens the directory, after syncing what it found (its
 * writer may have died before its own sync).
 *
 *   byte 0   8   sequence of the last durable entry
 *   byte 8   4   number of the journal file it stands in
 *   byte 12  4   first four bytes of the directory's id
 *   byte 16  4   CRC-32C of bytes 0 to 16
 */
import { type File, type FileSystem, isMillraceError } from '../platform/index.ts';
import { crc32c } from './crc32c.ts';

const markBytes = 20;

/** How far the journal is known to be durable. */
export interface DurableMark {
  write(sequence: number, journal: number): void;
  read(): number;
  close(): void;
}

/** What this process was told to be durable, by who wrote it: no file is read. */
export class ToldMark implements DurableMark {
  #sequence = 0;

  write(sequence: number): void {
    this.#sequence = Math.max(this.#sequence, sequence);
  }

  read(): number {
    return this.#sequence;
  }

  close(): void {}
}

export class Mark implements DurableMark {
  readonly #file: File;
  readonly #bytes = Buffer.alloc(markBytes);
  readonly #read = Buffer.alloc(markBytes);

  constructor(files: FileSystem, path: string, directoryId: string, mode: 'read' | 'write') {
    this.#file = files.open(path, mode);
    this.#bytes.write(directoryId.slice(0, 8), 12, 'hex');
  }

  /** A mark that can't be written stays behind, which it may. */
  write(sequence: number, journal: number): void {
    this.#bytes.writeUInt32BE(Math.floor(sequence / 2 ** 32), 0);
    this.#bytes.writeUInt32BE(sequence % 2 ** 32, 4);
    this.#bytes.writeUInt32BE(journal, 8);
    this.#bytes.writeUInt32BE(crc32c(this.#bytes, 0, 16), 16);
    try {
      this.#file.write(this.#bytes, 0);
    } catch (error) {
      if (!isMillraceError(error)) throw error; // the entry is durable: the next mark says so too
    }
  }

  /** Sequence of the last entry that is known to be durable; 0 where the mark says nothing. */
  read(): number {
    const bytes = this.#read;
    const length = this.#file.read(bytes, 0, markBytes, 0);
    if (length < markBytes || bytes.readUInt32BE(16) !== crc32c(bytes, 0, 16)) return 0;
    if (bytes.compare(this.#bytes, 12, 16, 12, 16) !== 0) return 0;
    return bytes.readUInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4);
  }

  close(): void {
    this.#file.close();
  }
}
