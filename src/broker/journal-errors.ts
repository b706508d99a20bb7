/** What is wrong with a journal that can't be read, and what to do. */
import { MillraceError } from '../platform/index.ts';

/** The mark is never ahead of the journal, except where the journal lost what it had. */
export function behindMark(
  path: string,
  sequence: number,
  position: number,
  marked: number,
): MillraceError {
  return new MillraceError(
    'DAMAGED',
    `${path} is damaged or older than the other files: entry ${sequence} was durable and should ` +
      `stand at byte ${position}; the journal had come to entry ${marked}. Put the right file ` +
      'back, or restore the whole directory from a backup.',
  );
}

/** The catalogue is written after its entries are durable, but knows of one that is not there. */
export function behindCatalogue(path: string, sequence: number, position: number): MillraceError {
  return new MillraceError(
    'FILE_MISMATCH',
    `${path} is older than catalogue.db, or damaged: entry ${sequence}, which catalogue.db has ` +
      `seen, does not end at byte ${position}. Put the right file back, or restore the whole ` +
      'directory from one backup.',
  );
}

/** An invalid entry with a valid one behind it: it was acknowledged. */
export function damagedEntry(
  path: string,
  sequence: number,
  position: number,
  validAt: string,
): MillraceError {
  return new MillraceError(
    'DAMAGED',
    `Entry ${sequence} at byte ${position} of ${path} is damaged: it was acknowledged, for there ` +
      `is a valid entry behind it (${validAt}). Restore the directory from a backup.`,
  );
}

export function wrongNextFile(path: string, fileId: string): MillraceError {
  return new MillraceError(
    'FILE_MISMATCH',
    `${path} is not the file that the journal continues in (id ${fileId} was expected). ` +
      'Put the right file back, or restore the whole directory from a backup.',
  );
}
