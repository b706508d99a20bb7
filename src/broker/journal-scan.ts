/** Looks at what lies behind the end of a journal file's entries, in steps of a mebibyte. */
import type { File } from '../platform/index.ts';
import { entryHeaderBytes, entryLengthAt, readEntryHeader } from './entry-codec.ts';
import { type JournalFile, journalHeaderBytes } from './journal-file.ts';

const stepBytes = 1024 * 1024;

/** The file id stands this far behind the start of an entry. */
const fileIdOffset = 12;

/** The position of the first valid entry with a sequence beyond `sequence` in `[from, size)`. */
export function findValidEntry(
  file: File,
  fileId: Uint8Array,
  from: number,
  size: number,
  sequence: number,
): number | undefined {
  const step = Buffer.alloc(stepBytes + fileId.length);
  for (let position = from; position < size; position += stepBytes) {
    const length = file.read(step, 0, Math.min(step.length, size - position), position);
    for (
      let at = indexOf(step, fileId, 0, length);
      at >= 0;
      at = indexOf(step, fileId, at + 1, length)
    ) {
      const start = position + at - fileIdOffset;
      if (start >= from && isValidEntry(file, fileId, start, size, sequence)) return start;
    }
  }
  return undefined;
}

function indexOf(bytes: Buffer, fileId: Uint8Array, from: number, length: number): number {
  const at = bytes.indexOf(fileId, from);
  return at + fileId.length <= length ? at : -1;
}

function isValidEntry(
  file: File,
  fileId: Uint8Array,
  start: number,
  size: number,
  sequence: number,
): boolean {
  const head = Buffer.alloc(entryHeaderBytes);
  if (file.read(head, 0, head.length, start) < head.length) return false;
  const length = entryLengthAt(head, 0);
  if (length < entryHeaderBytes || start + length > size) return false;
  const bytes = Buffer.alloc(length);
  file.read(bytes, 0, length, start);
  const header = readEntryHeader(bytes, 0, fileId);
  return header !== undefined && header.sequence > sequence;
}

/**
 * The entries at the beginning of `bytes` that follow one another behind the entry with this
 * sequence and checksum: where they end, and the sequence of the last.
 */
export function validEntries(
  bytes: Uint8Array,
  fileId: Uint8Array,
  sequence: number,
  checksum: number,
): { readonly end: number; readonly last: number } {
  let [end, last, previous] = [0, sequence, checksum];
  for (;;) {
    const header = readEntryHeader(bytes, end, fileId);
    if (header?.sequence !== last + 1 || header.previousChecksum !== previous) return { end, last };
    end += header.length;
    last = header.sequence;
    previous = header.checksum;
  }
}

/** The checksum stands this far behind the start of an entry. */
const checksumOffset = 4;

/** Whether a valid entry with this checksum ends at `end`, or the file's entries begin there. */
export function endsEntry({ file, fileId }: JournalFile, end: number, checksum: number): boolean {
  if (end === journalHeaderBytes) return true;
  const wanted = Buffer.alloc(4);
  wanted.writeUInt32BE(checksum);
  for (let length = 64 * 1024; ; length *= 16) {
    const from = Math.max(journalHeaderBytes, end - length);
    const bytes = Buffer.alloc(end - from);
    if (file.read(bytes, 0, bytes.length, from) < bytes.length) return false;
    for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
      const start = at - checksumOffset;
      if (start < 0 || entryLengthAt(bytes, start) !== bytes.length - start) continue;
      if (readEntryHeader(bytes, start, fileId)?.checksum === checksum) return true;
    }
    if (from === journalHeaderBytes) return false;
  }
}

/** The position behind the last byte that is not zero in `[from, size)`; `from` where all are. */
export function lastNonZero(file: File, from: number, size: number): number {
  const zeros = Buffer.alloc(stepBytes);
  const step = Buffer.alloc(stepBytes);
  let end = from;
  for (let position = from; position < size; position += stepBytes) {
    const length = file.read(step, 0, Math.min(stepBytes, size - position), position);
    if (step.compare(zeros, 0, length, 0, length) === 0) continue;
    let last = length;
    while (step[last - 1] === 0) last--;
    end = position + last;
  }
  return end;
}
