/**
 * The journal as steps: src/broker/journal.ts line by line, with a `yield` wherever another process
 * may come between, and the real bytes of entries.
 */
import { ByteWriter } from '../../../src/broker/bytes.ts';
import {
  decodeOperations,
  type EntryHeader,
  encodeEntry,
  entryHeaderBytes,
  entryLengthAt,
  type PlacedOperation,
  readEntryHeader,
} from '../../../src/broker/entry-codec.ts';
import type { JournalTail } from '../../../src/broker/journal.ts';
import type { Entry, Operation } from '../../../src/broker/operation.ts';
import { type Inode, pageBytes } from './disk.ts';
import { type Ids, promise } from './truth.ts';
import { Refused, type Steps, synced, type World } from './world.ts';

export type OnEntry = (entry: Entry, checksum: number) => void;

export const firstTail: JournalTail = { journal: 1, position: pageBytes, sequence: 0, checksum: 0 };

/** Room that an entry leaves for the roll entry behind it. */
const rollBytes = 64;

export function journalPath(number: number): string {
  return `journal/${number}.journal`;
}

/** One system call: other processes see page after page of it, and a kill may end it in between. */
export function* writeBytes(
  world: World,
  file: Inode,
  position: number,
  bytes: Uint8Array,
  mayFail = false,
): Steps {
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(bytes.length - at, pageBytes - ((position + at) % pageBytes));
    yield;
    if (mayFail && world.failsWrites && world.oneIn(100))
      throw new Refused('DISK_FULL', 'a write fails half way');
    file.writePage(position + at, bytes.subarray(at, at + length));
    at += length;
  }
}

/** A whole journal file under another name: header and zeros, synced. */
export function* prepareFile(world: World, path: string, number: number): Steps {
  world.disk.remove(path);
  const file = world.disk.create(path);
  yield;
  const zeros = new Uint8Array(pageBytes);
  for (let at = 0; at < world.journalBytes; at += pageBytes) file.writePage(at, zeros);
  const header = new DataView(new ArrayBuffer(12));
  header.setUint32(0, 0xf11e1d00);
  header.setUint32(4, world.newId());
  header.setUint32(8, number);
  file.writePage(0, new Uint8Array(header.buffer));
  file.sync();
  yield;
}

export class Journal {
  readonly #world: World;
  readonly #writer = new ByteWriter(1024);
  #tail: JournalTail;
  #file: Inode;
  #durable: number;
  #clean = false;

  constructor(world: World, tail: JournalTail) {
    this.#world = world;
    this.#tail = tail;
    this.#durable = tail.sequence;
    this.#file = this.#open(tail.journal);
  }

  get tail(): JournalTail {
    return this.#tail;
  }

  get wantsNext(): boolean {
    return this.#tail.position > this.#world.journalBytes / 2;
  }

  *follow(how: 'locked' | 'marked' | 'sync', onEntry: OnEntry): Steps<boolean> {
    let any = false;
    let marked = -1;
    for (;;) {
      const header = this.#nextHeader();
      if (header === undefined) break;
      if (header.sequence > this.#durable && marked < 0) marked = this.#readMark();
      yield;
      const isUnsure = header.sequence > this.#durable && header.sequence > marked;
      if (isUnsure && !this.#world.breaks('shows before the sync')) {
        if (how === 'marked') return any;
        yield* this.#syncFound();
        continue;
      }
      this.#durable = Math.max(this.#durable, header.sequence);
      this.#take(header, onEntry);
      any = true;
    }
    if (how === 'locked') yield* this.#cleanBehindTail();
    else if (!any) this.#checkMark();
    return any;
  }

  /** The entries that are there, synced or not, one after another: for a mutation only. */
  *followUnsynced(onEntry: OnEntry): Steps {
    for (let header = this.#nextHeader(); header !== undefined; header = this.#nextHeader()) {
      this.#take(header, onEntry);
      yield;
    }
  }

  *append(
    operations: readonly PlacedOperation[],
    appends: readonly Ids[],
    onEntry: OnEntry,
  ): Steps {
    const late: (() => void)[] = [];
    let placed = this.#encode(operations);
    if (this.#tail.position + this.#writer.length + rollBytes > this.#world.journalBytes) {
      const isLate = this.#world.breaks('applies a roll after the entry behind it');
      yield* this.#roll(isLate ? (...roll) => late.push(() => onEntry(...roll)) : onEntry);
      placed = this.#encode(operations);
    }
    yield* this.#write(placed, appends, (...entry) => {
      for (const applyRoll of late) applyRoll();
      onEntry(...entry);
    });
  }

  hasNext(): boolean {
    return this.#world.disk.exists(journalPath(this.#tail.journal + 1));
  }

  *adoptNext(preparedPath: string): Steps {
    const { disk } = this.#world;
    const number = this.#tail.journal + 1;
    if (this.hasNext() || numberIn(disk.open(preparedPath)) !== number) {
      disk.remove(preparedPath);
      return;
    }
    disk.rename(preparedPath, journalPath(number));
    yield;
    if (this.#world.breaks('trusts the name of a next file that another process made')) {
      disk.syncDirectory('journal');
    }
  }

  #encode(operations: readonly PlacedOperation[]): Operation[] {
    const { journal, position, sequence, checksum } = this.#tail;
    const fileId = this.#fileId();
    const place = { sequence: sequence + 1, previousChecksum: checksum, fileId, journal, position };
    return encodeEntry(this.#writer, place, operations);
  }

  *#write(operations: readonly Operation[], appends: readonly Ids[], onEntry: OnEntry): Steps {
    const world = this.#world;
    const { journal, position } = this.#tail;
    const bytes = Uint8Array.from(this.#writer.view());
    const entry = { sequence: this.#tail.sequence + 1, operations };
    const checksum = this.#writer.view().readUInt32BE(4);
    promise(position + bytes.length <= world.journalBytes, 'an entry fits into its file');
    world.truth.wrote(checksum, { appends, previous: this.#tail.checksum });
    this.#clean = false;
    yield* writeBytes(world, this.#file, position, bytes, true);
    const tail = { journal, position: position + bytes.length, sequence: entry.sequence, checksum };
    yield;
    if (world.breaks('acknowledges before the sync')) onEntry(entry, checksum);
    const isPair = world.breaks('writes two entries per sync') && world.oneIn(2);
    if (isPair) yield* this.#writeSecond(tail);
    yield;
    this.#file.sync();
    yield synced;
    this.#clean = true;
    this.#durable = entry.sequence;
    this.#tail = tail;
    this.#writeMark();
    yield;
    if (!world.breaks('acknowledges before the sync')) onEntry(entry, checksum);
  }

  /** Another entry, which the sync of the first one is to cover. It is never acknowledged. */
  *#writeSecond(tail: JournalTail): Steps {
    const first = this.#tail;
    this.#tail = tail;
    this.#encode([{ kind: 'release', task: 'nobody', incarnation: 1 }]);
    this.#tail = first;
    const bytes = Uint8Array.from(this.#writer.view());
    if (tail.position + bytes.length + rollBytes > this.#world.journalBytes) return;
    const checksum = this.#writer.view().readUInt32BE(4);
    this.#world.truth.wrote(checksum, { appends: [], previous: tail.checksum });
    yield* writeBytes(this.#world, this.#file, tail.position, bytes);
  }

  *#roll(onEntry: OnEntry): Steps {
    const { disk } = this.#world;
    const number = this.#tail.journal + 1;
    if (!this.hasNext()) {
      yield* prepareFile(this.#world, `journal/${number}.new`, number);
      yield* this.adoptNext(`journal/${number}.new`);
    }
    yield;
    const isForgotten =
      this.#world.breaks('never syncs the names of journal files') ||
      this.#world.breaks('trusts the name of a next file that another process made');
    if (!isForgotten) disk.syncDirectory('journal');
    const next = this.#open(number);
    const fileId = Buffer.from(fileIdOf(next)).toString('hex');
    yield* this.#write(this.#encode([{ kind: 'roll', journal: number, fileId }]), [], onEntry);
    this.#moveTo(number, next);
  }

  #moveTo(number: number, next: Inode): void {
    this.#file = next;
    this.#tail = { ...this.#tail, journal: number, position: pageBytes };
  }

  #nextHeader(): EntryHeader | undefined {
    const { position, sequence, checksum } = this.#tail;
    const header = readEntryHeader(this.#file.bytes, position, this.#fileId());
    const follows = header?.previousChecksum === checksum;
    return header?.sequence === sequence + 1 && follows ? header : undefined;
  }

  #take(header: EntryHeader, onEntry: OnEntry): void {
    const { journal, position } = this.#tail;
    const { length, sequence, checksum } = header;
    const bytes = this.#file.bytes.subarray(position, position + length);
    const operations = decodeOperations(bytes, journal, position);
    const [first] = operations;
    const next = first?.kind === 'roll' ? this.#open(first.journal) : undefined;
    if (first?.kind === 'roll' && next !== undefined) {
      const isNamed = Buffer.from(fileIdOf(next)).toString('hex') === first.fileId;
      if (!isNamed) throw new Refused('FILE_MISMATCH', 'another next file');
    }
    this.#tail = { journal, position: position + length, sequence, checksum };
    if (next !== undefined) this.#moveTo(journal + 1, next);
    onEntry({ sequence, operations }, checksum);
  }

  #open(number: number): Inode {
    const file = this.#world.disk.open(journalPath(number));
    if (file === undefined) throw new Refused('FILE_MISMATCH', `${journalPath(number)} is missing`);
    if (numberIn(file) !== number) throw new Refused('DAMAGED', `header of ${journalPath(number)}`);
    return file;
  }

  *#cleanBehindTail(): Steps {
    const { position, sequence } = this.#tail;
    const peeked = this.#file.bytes.subarray(position, position + entryHeaderBytes);
    if (this.#clean && peeked.every((byte) => byte === 0)) return;
    if (!this.#world.breaks('does not look behind the tail')) {
      this.#checkMark();
      if (hasValidEntry(this.#file, position, sequence)) throw new Refused('DAMAGED', 'an entry');
      const next = this.#world.disk.open(journalPath(this.#tail.journal + 1));
      if (next !== undefined && hasValidEntry(next, pageBytes, sequence))
        throw new Refused('DAMAGED', 'a roll');
      yield;
      const behind = this.#file.bytes.subarray(position);
      if (behind.some((byte) => byte !== 0))
        yield* writeBytes(this.#world, this.#file, position, new Uint8Array(behind.length));
    }
    yield;
    this.#clean = true;
  }

  #checkMark(): void {
    const marked = this.#readMark();
    if (marked <= this.#tail.sequence || this.#nextHeader() !== undefined) return;
    throw new Refused('DAMAGED', `entry ${this.#tail.sequence + 1} was marked as durable`);
  }

  *#syncFound(): Steps {
    yield;
    this.#file.sync();
    yield;
    const header = this.#nextHeader();
    if (header !== undefined) this.#durable = Math.max(this.#durable, header.sequence);
  }

  #readMark(): number {
    const bytes = this.#world.disk.open('journal/mark')?.bytes;
    return bytes === undefined || bytes.length < 4 ? 0 : new DataView(bytes.buffer).getUint32(0);
  }

  #writeMark(): void {
    const bytes = new DataView(new ArrayBuffer(4));
    bytes.setUint32(0, this.#durable);
    this.#world.disk.open('journal/mark')?.writePage(0, new Uint8Array(bytes.buffer));
  }

  #fileId(): Uint8Array {
    return fileIdOf(this.#file);
  }
}

function fileIdOf(file: Inode): Uint8Array {
  return file.bytes.subarray(0, 8);
}

function numberIn(file: Inode | undefined): number {
  if (file === undefined || file.bytes.length < 12) return 0;
  return new DataView(file.bytes.buffer, file.bytes.byteOffset).getUint32(8);
}

function hasValidEntry(file: Inode, from: number, sequence: number): boolean {
  const fileId = fileIdOf(file);
  const bytes = Buffer.from(file.bytes.buffer);
  for (let at = bytes.indexOf(fileId, from); at >= 0; at = bytes.indexOf(fileId, at + 1)) {
    const start = at - 12;
    if (start < from || entryLengthAt(file.bytes, start) === 0) continue;
    const header = readEntryHeader(file.bytes, start, fileId);
    if (header !== undefined && header.sequence > sequence) return true;
  }
  return false;
}
