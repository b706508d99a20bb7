/**
 * Segments: the files that hold record batches of one partition, back to back, and nothing else.
 *
 *   topics/<topic id>-<topic name>/<partition>/sorted-<journal file>.log    made by the sorter
 *   topics/<topic id>-<topic name>/<partition>/large-<number>.log           large appends
 *
 *   byte 0      +----------------+
 *               | record batch   |  <- a range of the catalogue begins here, and names its bytes
 *               | record batch   |
 *               +----------------+
 *               | record batch   |  <- the next range
 *               +----------------+
 *               : leftovers      :  of a large append that was never committed: nobody reads here
 *
 * A segment has one writer: the sorter, which makes a new one for each journal file, or one process
 * that writes large appends, under the journal's lock. What bytes count is said by the catalogue
 * alone. A damaged batch shows by its own checksum; the message then names the file and the byte.
 */
import {
  type File,
  type FileSystem,
  isMillraceError,
  MillraceError,
  type Platform,
} from '../platform/index.ts';
import { type FileRef, kindOf, numberOf } from './file-ref.ts';

/** What names the directory of a partition. */
export interface PartitionPlace {
  readonly topic: number;
  readonly topicName: string;
  readonly partition: number;
}

export function topicDirectory(
  directory: string,
  place: Omit<PartitionPlace, 'partition'>,
): string {
  return `${directory}/topics/${place.topic}-${place.topicName}`;
}

export function partitionDirectory(directory: string, place: PartitionPlace): string {
  return `${topicDirectory(directory, place)}/${place.partition}`;
}

export function segmentPath(directory: string, place: PartitionPlace, file: FileRef): string {
  return `${partitionDirectory(directory, place)}/${kindOf(file)}-${numberOf(file)}.log`;
}

/**
 * Makes a segment and the directories above it, replacing leftovers of the same name (which only a
 * crash leaves). Its name is durable afterwards; `OUTCOME_UNKNOWN` where that failed: the broker
 * must be opened again.
 */
export function createSegment(
  files: FileSystem,
  directory: string,
  place: PartitionPlace,
  file: FileRef,
): File {
  const parent = partitionDirectory(directory, place);
  files.makeDirectory(parent);
  const path = segmentPath(directory, place, file);
  files.remove(path);
  const segment = files.open(path, 'create');
  try {
    files.syncDirectory(parent);
    // Directories that are there already may be of a process that died before they were durable.
    files.syncDirectory(topicDirectory(directory, place));
    files.syncDirectory(`${directory}/topics`);
  } catch (error) {
    segment.close();
    throw isMillraceError(error) ? namesUnknown(path, error) : error;
  }
  return segment;
}

/** A later sync of the directories would succeed and mean nothing, so there must be none. */
function namesUnknown(path: string, cause: MillraceError): MillraceError {
  return new MillraceError(
    'OUTCOME_UNKNOWN',
    `It is unknown whether the name of ${path} is on disk: ${cause.message} Close the broker ` +
      'and open it again.',
    { cause },
  );
}

/** Runs in the background. */
export function removeFiles(paths: readonly string[], platform: Platform): void {
  for (const path of paths) platform.files.remove(path);
}
