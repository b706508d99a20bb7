/**
 * Entries as bytes. All numbers are big-endian.
 *
 *   byte   size  field
 *   0      4     length of the entry, this field included
 *   4      4     CRC-32C of bytes 8 to the end
 *   8      4     CRC-32C of the entry before this one (0 for the first): the chain
 *   12     8     id of the journal file, from its header
 *   20     8     sequence, from 1, across all files
 *   28     1     version of the format (1)
 *   29           operations, back to back: one byte for the kind, then its fields
 *
 * An entry is valid if its length fits into the file, its checksum, file id and version are right,
 * and it carries the next sequence and the checksum of its predecessor. So neither leftovers of a
 * torn write, nor bytes of another file, nor a record that contains a copy of an entry are ever
 * taken for one. What an invalid entry means is decided in journal.ts.
 */
import { assert, unreachable } from '../platform/index.ts';
import { ByteReader, type ByteWriter } from './bytes.ts';
import { crc32c } from './crc32c.ts';
import type { PlannedOperation } from './entry-store.ts';
import { fileRef } from './file-ref.ts';
import type { AppendOperation, Operation, SortedPartition } from './operation.ts';
import type { Range } from './ranges.ts';
import type { PlannedAppend } from './requests.ts';

export const entryHeaderBytes = 29;
const formatVersion = 1;

/** What an entry is written behind, and where. */
export interface EntryPlace {
  readonly sequence: number;
  readonly previousChecksum: number;
  /** 8 bytes. */
  readonly fileId: Uint8Array;
  readonly journal: number;
  /** Byte position in the journal file. */
  readonly position: number;
}

const kinds: readonly Operation['kind'][] = [
  'seal',
  'append',
  'commit',
  'produced',
  'claim',
  'release',
  'createTopic',
  'deleteTopic',
  'logStart',
  'sorted',
  'roll',
];

/** An append whose batches are in a segment already, or are to lie in the entry. */
export type PlacedOperation = PlannedOperation | AppendOperation;

/**
 * Writes an entry into `writer` (emptied first) and returns its operations, with the places of its
 * appends.
 */
export function encodeEntry(
  writer: ByteWriter,
  place: EntryPlace,
  operations: readonly PlacedOperation[],
): Operation[] {
  writer.reset();
  writer.u32(0);
  writer.u32(0);
  writer.u32(place.previousChecksum);
  writer.raw(place.fileId);
  writer.i64(place.sequence);
  writer.u8(formatVersion);
  const placed = operations.map((operation) => writeOperation(writer, place, operation));
  writer.setU32(0, writer.length);
  writer.setU32(4, crc32c(writer.view(), 8, writer.length));
  return placed;
}

function writeOperation(
  writer: ByteWriter,
  place: EntryPlace,
  operation: PlacedOperation,
): Operation {
  if ('batches' in operation) return writeInlineAppend(writer, place, operation);
  writer.u8(kinds.indexOf(operation.kind));
  writeFields(writer, operation);
  return operation;
}

function writeInlineAppend(
  writer: ByteWriter,
  place: EntryPlace,
  { operation, batches }: PlannedAppend,
): AppendOperation {
  writer.u8(kinds.indexOf('append'));
  writeAppend(writer, operation);
  const position = place.position + writer.length;
  writer.raw(batches);
  return { ...operation, place: { file: fileRef('journal', place.journal), position } };
}

function writeFields(writer: ByteWriter, operation: Operation): void {
  switch (operation.kind) {
    case 'append':
      writeAppend(writer, operation);
      break;
    case 'commit':
      writeCommit(writer, operation);
      break;
    case 'produced':
      writer.string(operation.producer);
      writer.i64(operation.sequence);
      writer.u32(operation.appends);
      break;
    case 'claim':
      writer.string(operation.task);
      writer.i64(operation.incarnation);
      writer.string(operation.holder.instance);
      writer.i64(operation.holder.pid);
      writer.string(operation.holder.host);
      break;
    case 'release':
      writer.string(operation.task);
      writer.i64(operation.incarnation);
      break;
    case 'createTopic':
      writer.u32(operation.topic);
      writer.string(operation.name);
      writer.u32(operation.partitions);
      writer.u8(operation.internal ? 1 : 0);
      writer.i64(operation.futureTimestampsMaxMs);
      break;
    case 'deleteTopic':
      writer.u32(operation.topic);
      break;
    case 'logStart':
      writer.u32(operation.topic);
      writer.u32(operation.partition);
      writer.i64(operation.offset);
      break;
    case 'sorted':
      writer.u32(operation.journal);
      writeList(writer, operation.partitions, writeSortedPartition);
      break;
    case 'roll':
      writer.u32(operation.journal);
      writer.string(operation.fileId);
      break;
    case 'seal':
      break;
    default:
      unreachable(operation);
  }
}

/** A place follows for batches in a segment; for the others the batches themselves follow. */
function writeAppend(writer: ByteWriter, operation: AppendOperation): void {
  writer.u32(operation.topic);
  writer.u32(operation.partition);
  writer.i64(operation.baseOffset);
  writer.u32(operation.recordCount);
  writer.i64(operation.maxTimestamp);
  writer.u32(operation.length);
  writer.u8(operation.place === undefined ? 0 : 1);
  if (operation.place === undefined) return;
  writer.i64(operation.place.file);
  writer.i64(operation.place.position);
}

function writeCommit(writer: ByteWriter, operation: Operation & { kind: 'commit' }): void {
  writer.string(operation.task);
  writer.i64(operation.incarnation);
  writer.i64(operation.epoch);
  writer.i64(operation.clockMs);
  writeList(writer, operation.positions, (position) => {
    writer.u32(position.topic);
    writer.u32(position.partition);
    writer.i64(position.offset);
  });
}

function writeSortedPartition(this: void, partition: SortedPartition, writer: ByteWriter): void {
  writer.u32(partition.topic);
  writer.u32(partition.partition);
  writeList(writer, partition.ranges, (range) => {
    for (const field of rangeFields) writer.i64(range[field]);
  });
}

const rangeFields = ['base', 'end', 'maxTimestamp', 'file', 'position', 'length'] as const;

function writeList<Item>(
  writer: ByteWriter,
  items: readonly Item[],
  write: (item: Item, writer: ByteWriter) => void,
): void {
  writer.u32(items.length);
  for (const item of items) write(item, writer);
}

/** The fields before the operations; undefined where the bytes can't be the header of an entry. */
export interface EntryHeader {
  readonly length: number;
  readonly checksum: number;
  readonly previousChecksum: number;
  readonly sequence: number;
}

/**
 * The header of an entry at `position` of `bytes` if what stands there is a whole entry of this
 * file with the right checksum. Whether it is the *next* entry (sequence, chain) is the caller's
 * question.
 */
export function readEntryHeader(
  bytes: Uint8Array,
  position: number,
  fileId: Uint8Array,
): EntryHeader | undefined {
  const length = entryLengthAt(bytes, position);
  if (length < entryHeaderBytes || position + length > bytes.length) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + position, length);
  if (view.compare(fileId, 0, 8, 12, 20) !== 0 || view.readUInt8(28) !== formatVersion)
    return undefined;
  const checksum = view.readUInt32BE(4);
  if (crc32c(view, 8, length) !== checksum) return undefined;
  const reader = new ByteReader(view, 20);
  return { length, checksum, previousChecksum: view.readUInt32BE(8), sequence: reader.i64() };
}

/** The length that an entry at `position` claims to have; 0 where there is none. */
export function entryLengthAt(bytes: Uint8Array, position: number): number {
  if (position + entryHeaderBytes > bytes.length) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset + position).getUint32(0);
}

/** The operations of a valid entry; `bytes` are the whole entry. */
export function decodeOperations(
  bytes: Uint8Array,
  journal: number,
  position: number,
): Operation[] {
  const reader = new ByteReader(bytes, entryHeaderBytes);
  const operations: Operation[] = [];
  while (!reader.atEnd) operations.push(readOperation(reader, journal, position));
  return operations;
}

function readOperation(reader: ByteReader, journal: number, entryPosition: number): Operation {
  const kind = kinds[reader.u8()];
  assert(kind !== undefined, 'an entry holds operations that this version knows');
  switch (kind) {
    case 'append':
      return readAppend(reader, journal, entryPosition);
    case 'commit':
      return readCommit(reader);
    case 'produced':
      return { kind, producer: reader.string(), sequence: reader.i64(), appends: reader.u32() };
    case 'claim': {
      const [task, incarnation] = [reader.string(), reader.i64()];
      const holder = { instance: reader.string(), pid: reader.i64(), host: reader.string() };
      return { kind, task, incarnation, holder };
    }
    case 'release':
      return { kind, task: reader.string(), incarnation: reader.i64() };
    case 'createTopic':
      return {
        kind,
        topic: reader.u32(),
        name: reader.string(),
        partitions: reader.u32(),
        internal: reader.u8() === 1,
        futureTimestampsMaxMs: reader.i64(),
      };
    case 'deleteTopic':
      return { kind, topic: reader.u32() };
    case 'logStart':
      return { kind, topic: reader.u32(), partition: reader.u32(), offset: reader.i64() };
    case 'sorted':
      return { kind, journal: reader.u32(), partitions: readList(reader, readSortedPartition) };
    case 'roll':
      return { kind, journal: reader.u32(), fileId: reader.string() };
    case 'seal':
      return { kind };
    default:
      return unreachable(kind);
  }
}

function readAppend(reader: ByteReader, journal: number, entryPosition: number): AppendOperation {
  const fields = {
    kind: 'append' as const,
    topic: reader.u32(),
    partition: reader.u32(),
    baseOffset: reader.i64(),
    recordCount: reader.u32(),
    maxTimestamp: reader.i64(),
    length: reader.u32(),
  };
  if (reader.u8() === 1) {
    return { ...fields, place: { file: reader.i64(), position: reader.i64() } };
  }
  const position = entryPosition + reader.skip(fields.length);
  return { ...fields, place: { file: fileRef('journal', journal), position } };
}

function readCommit(reader: ByteReader): Operation {
  return {
    kind: 'commit',
    task: reader.string(),
    incarnation: reader.i64(),
    epoch: reader.i64(),
    clockMs: reader.i64(),
    positions: readList(reader, () => ({
      topic: reader.u32(),
      partition: reader.u32(),
      offset: reader.i64(),
    })),
  };
}

function readSortedPartition(reader: ByteReader): SortedPartition {
  return {
    topic: reader.u32(),
    partition: reader.u32(),
    ranges: readList(reader, (): Range => {
      const [base, end, maxTimestamp] = [reader.i64(), reader.i64(), reader.i64()];
      return {
        base,
        end,
        maxTimestamp,
        file: reader.i64(),
        position: reader.i64(),
        length: reader.i64(),
      };
    }),
  };
}

function readList<Item>(reader: ByteReader, read: (reader: ByteReader) => Item): Item[] {
  return Array.from({ length: reader.u32() }, () => read(reader));
}
