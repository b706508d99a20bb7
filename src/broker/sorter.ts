/**
 * Sorting: the records of a closed journal file, copied partition by partition into new segments.
 *
 *   journal 7:  a0 b0 a1 c0 a2 b1 ...        (commits, as they came)
 *   segments:   a/..: a0 a1 a2   b/..: b0 b1   c/..: c0     (small batches merged into larger ones)
 *
 * Runs in the background, and changes nothing that anybody reads: the segments count only once an
 * entry names them (housekeeper.ts). A crash leaves files that no range names; the next attempt
 * replaces them.
 */
import { assert, MillraceError, type Platform } from '../platform/index.ts';
import { fileRef } from './file-ref.ts';
import { journalPath } from './journal-file.ts';
import { mergeBatches } from './merge-batches.ts';
import type { SortedPartition } from './operation.ts';
import { PacedWriter } from './pace.ts';
import { type Range, RangeList } from './ranges.ts';
import { readBatchHeader } from './record-batch.ts';
import { RecordCursor } from './record-cursor.ts';
import { createSegment, type PartitionPlace } from './segment.ts';

/** What is to be copied; plain data, because it goes to another thread. */
export interface SortArgument {
  readonly directory: string;
  readonly journal: number;
  readonly durable: boolean;
  readonly partitions: readonly SortInput[];
}

export interface SortInput extends PartitionPlace {
  /** `RangeList.packFile` of the partition and the journal file. */
  readonly ranges: Float64Array<ArrayBuffer>;
}

/**
 * Small batches are merged up to this size, in bytes; it is also what one range of the index
 * covers, or more.
 */
const batchBytesTarget = 64 * 1024;

/** Batches of one partition held in memory at once, in bytes. */
const portionBytesMax = 4 * 1024 * 1024;

/** Copies the ranges into new segments and makes them durable; returns where everything is now. */
export async function sortJournalFile(
  argument: SortArgument,
  platform: Platform,
): Promise<SortedPartition[]> {
  const source = platform.files.open(journalPath(argument.directory, argument.journal), 'read');
  try {
    const read = (range: Range): Uint8Array => {
      const bytes = Buffer.alloc(range.length);
      const length = source.read(bytes, 0, range.length, range.position);
      assert(length === range.length, 'a range lies inside its journal file');
      return bytes;
    };
    const sorted: SortedPartition[] = [];
    for (const input of argument.partitions) {
      sorted.push(await sortPartition(argument, input, platform, read));
    }
    return sorted;
  } finally {
    source.close();
  }
}

async function sortPartition(
  argument: SortArgument,
  input: SortInput,
  platform: Platform,
  read: (range: Range) => Uint8Array,
): Promise<SortedPartition> {
  const source = new RangeList();
  source.unpack(input.ranges);
  const ranges = source.toArray();
  const file = fileRef('sorted', argument.journal);
  const segment = createSegment(platform.files, argument.directory, input, file);
  const sorted: Range[] = [];
  const writer = new PacedWriter(segment, platform.clock, argument.durable);
  try {
    for (const portion of portions(ranges)) {
      for (const batch of mergePortion(argument, portion, read)) {
        sorted.push(rangeOf(batch, file, writer.position));
        await writer.write(batch);
      }
    }
    platform.failpoint('sort.written');
    writer.sync();
    platform.failpoint('sort.synced');
  } finally {
    segment.close();
  }
  return { topic: input.topic, partition: input.partition, ranges: sorted };
}

/**
 * Runs of ranges whose offsets follow on, not too many bytes at once. Large appends lie between
 * runs.
 */
function* portions(ranges: readonly Range[]): Generator<Range[]> {
  let portion: Range[] = [];
  let bytes = 0;
  for (const range of ranges) {
    const last = portion.at(-1);
    if (last !== undefined && (last.end !== range.base || bytes + range.length > portionBytesMax)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(range);
    bytes += range.length;
  }
  if (portion.length > 0) yield portion;
}

/** Every record is looked at, so damage is noticed before the journal file goes. */
function mergePortion(
  argument: SortArgument,
  portion: readonly Range[],
  read: (range: Range) => Uint8Array,
): Uint8Array[] {
  const cursor = new RecordCursor();
  const batches = portion.map((range) => {
    const bytes = read(range);
    try {
      cursor.reset(bytes);
      while (cursor.next());
    } catch (cause) {
      throw new MillraceError(
        'DAMAGED',
        `Journal file ${argument.journal} is damaged between bytes ${range.position} and ` +
          `${range.position + range.length}; it is kept as it is. Restore the directory from a ` +
          `backup.`,
        { cause },
      );
    }
    return bytes;
  });
  return mergeBatches(batches.flatMap(splitBatches), batchBytesTarget);
}

function splitBatches(bytes: Uint8Array): Uint8Array[] {
  const batches: Uint8Array[] = [];
  for (let position = 0; position < bytes.length; ) {
    const header = readBatchHeader(bytes, position);
    assert(header !== undefined, 'a range holds whole batches');
    batches.push(bytes.subarray(position, position + header.byteLength));
    position += header.byteLength;
  }
  return batches;
}

function rangeOf(batch: Uint8Array, file: number, position: number): Range {
  const header = readBatchHeader(batch, 0);
  assert(header !== undefined, 'a merged batch has a header');
  const { baseOffset, lastOffsetDelta, maxTimestamp } = header;
  const end = baseOffset + lastOffsetDelta + 1;
  return { base: baseOffset, end, maxTimestamp, file, position, length: batch.length };
}
