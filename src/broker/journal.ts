/**
 * The journal: every entry of a directory in one total order, in files that follow one another.
 *
 *   file 7                                   file 8
 *   +--------+-----+-----+------+---------+   +--------+-----+-----+- - - - - - -
 *   | header | 811 | 812 | 813  | 814 roll|   | header | 815 | 816 | zeros
 *   +--------+-----+-----+------+---------+   +--------+-----+-----+- - - - - - -
 *                                                              ^ the tail: the next entry
 *
 * Invariants:
 * - One entry per fdatasync, and the next one is written only after it. So an invalid entry with a
 *   valid one behind it was acknowledged and is damaged; an invalid entry with nothing behind it is
 *   torn and was never acknowledged.
 * - Who appends holds the lock, and has applied and synced everything before. Behind the tail there
 *   are only zeros then.
 * - An entry is accepted only directly behind the entry it was written behind (sequence and
 *   checksum chain).
 * - What was not known to be durable is synced before anyone sees it.
 *
 * A failed sync ends this object: pages may be clean and lost (Rebello et al., "Can Applications
 * Recover from fsync Failures?", ATC 2020), so nothing that this process has read or written can be
 * believed. Open again from disk.
 */
import { assert, MillraceError, type Platform } from '../platform/index.ts';
import { ByteWriter } from './bytes.ts';
import {
  decodeOperations,
  type EntryHeader,
  encodeEntry,
  entryLengthAt,
  type PlacedOperation,
  readEntryHeader,
} from './entry-codec.ts';
import { behindCatalogue, behindMark, damagedEntry, wrongNextFile } from './journal-errors.ts';
import {
  type JournalFile,
  journalHeaderBytes,
  journalPath,
  nameJournalFile,
  openJournalFile,
  preparedNumber,
  writeJournalFile,
} from './journal-file.ts';
import { endsEntry, findValidEntry, lastNonZero, validEntries } from './journal-scan.ts';
import { JournalWindow } from './journal-window.ts';
import type { DurableMark } from './mark.ts';
import type { Entry, Operation } from './operation.ts';
import type { RecentEntries } from './recent-entries.ts';

/** Where the next entry goes, and what it must follow. */
export interface JournalTail {
  readonly journal: number;
  readonly position: number;
  readonly sequence: number;
  readonly checksum: number;
}

export const firstTail: JournalTail = {
  journal: 1,
  position: journalHeaderBytes,
  sequence: 0,
  checksum: 0,
};

export interface JournalOptions {
  readonly platform: Platform;
  readonly directory: string;
  readonly directoryId: string;
  /** Size of a journal file, header included. */
  readonly fileBytes: number;
  readonly durable: boolean;
  readonly mark: DurableMark;
  /** Gets the entries that were written or followed here. */
  readonly recent: RecentEntries;
}

/** Room that an entry must leave for the roll entry behind it. */
const rollBytes = 128;

export class Journal {
  readonly #options: JournalOptions;
  readonly #writer = new ByteWriter(1024 * 1024);
  readonly #window = new JournalWindow();
  #file: JournalFile;
  #tail: JournalTail;
  /** Sequence of the last entry that this process knows to be durable. */
  #durable: number;
  /** Whether this process knows that there are only zeros behind the tail. */
  #clean = false;
  #syncMs = 0;
  #failure: MillraceError | undefined;

  constructor(options: JournalOptions, tail: JournalTail) {
    this.#options = options;
    this.#tail = tail;
    this.#durable = tail.sequence;
    this.#file = this.#open(tail.journal);
    if (endsEntry(this.#file, tail.position, tail.checksum)) return;
    this.#file.file.close();
    throw behindCatalogue(this.#file.path, tail.sequence, tail.position);
  }

  get tail(): JournalTail {
    return this.#tail;
  }

  /** How long the last sync took. */
  get syncMs(): number {
    return this.#syncMs;
  }

  get fileBytes(): number {
    return this.#file.size;
  }

  /** Largest entry that a file can hold. */
  get entryBytesMax(): number {
    return this.#options.fileBytes - journalHeaderBytes - rollBytes;
  }

  /**
   * Hands on the entries that others have appended. With the lock: all of them, and what lies
   * behind is cleaned. Without it: those that are known to be durable, or, with `sync`, become so
   * now.
   */
  follow(how: 'locked' | 'marked' | 'sync', onEntry: (entry: Entry) => void): boolean {
    this.#requireUsable();
    let any = false;
    let marked = -1; // read once, and only when there is something to compare it with
    for (;;) {
      const header = this.#nextHeader();
      if (header === undefined) break;
      if (header.sequence > this.#durable && marked < 0) marked = this.#options.mark.read();
      if (header.sequence > this.#durable && header.sequence > marked) {
        if (how === 'marked') return any;
        this.#syncFound();
        continue; // read again: what was synced is what counts
      }
      this.#durable = Math.max(this.#durable, header.sequence);
      this.#take(header, onEntry);
      any = true;
    }
    if (how === 'locked') this.#cleanBehindTail();
    else if (!any) this.#checkMark();
    return any;
  }

  /**
   * With the lock, after `follow('locked')`: makes one entry durable, in the next file if this one
   * is full. Hands on the roll entry too, before the other one is written, which may fail.
   */
  append(operations: readonly PlacedOperation[], onEntry: (entry: Entry) => void): void {
    this.#requireUsable();
    const step = operations.some(isClaim) ? 'claim' : 'commit';
    let placed = this.#encode(operations);
    // More than once where the next one was made by a process that makes them smaller.
    while (this.#tail.position + this.#writer.length + rollBytes > this.#file.size) {
      onEntry(this.#roll());
      placed = this.#encode(operations);
    }
    onEntry(this.#write(placed, step));
  }

  /** Whether the file is so full that the next one should be made ready. */
  get wantsNext(): boolean {
    return this.#tail.position > this.#file.size / 2;
  }

  hasNext(): boolean {
    const { platform, directory } = this.#options;
    return platform.files.exists(journalPath(directory, this.#tail.journal + 1));
  }

  close(): void {
    this.#file.file.close();
  }

  /** Makes the next entry in the writer; returns its operations, with places of their appends. */
  #encode(operations: readonly PlacedOperation[]): Operation[] {
    const { journal, position, sequence, checksum } = this.#tail;
    return encodeEntry(
      this.#writer,
      {
        sequence: sequence + 1,
        previousChecksum: checksum,
        fileId: this.#file.fileId,
        journal,
        position,
      },
      operations,
    );
  }

  /** Makes what is in the writer durable. */
  #write(operations: readonly Operation[], step: 'commit' | 'claim' | 'roll'): Entry {
    const { platform, mark, recent } = this.#options;
    const { journal, position } = this.#tail;
    const sequence = this.#tail.sequence + 1;
    const bytes = this.#writer.view();
    assert(position + bytes.length <= this.#file.size, 'an entry fits into its file');
    this.#clean = false; // until this entry is whole
    this.#file.file.write(bytes, position);
    platform.failpoint(`${step}.written`);
    this.#sync();
    platform.failpoint(`${step}.synced`);
    this.#clean = true;
    this.#durable = sequence;
    const checksum = bytes.readUInt32BE(4);
    this.#tail = { journal, position: position + bytes.length, sequence, checksum };
    mark.write(sequence, journal);
    recent.add(journal, position, bytes);
    platform.failpoint('commit.marked');
    return { sequence, operations };
  }

  #roll(): Entry {
    const { platform, directory, directoryId, fileBytes } = this.#options;
    const number = this.#tail.journal + 1;
    if (this.hasNext()) {
      // Whoever named it may have died before the name was durable.
      platform.files.syncDirectory(`${directory}/journal`);
    } else {
      const path = `${directory}/journal/${number}.new`;
      platform.files.remove(path);
      const fileId = platform.randomBytes(8);
      writeJournalFile(platform.files, path, { directoryId, number, fileId }, fileBytes);
      this.adoptNext(path);
    }
    const next = this.#open(number);
    const fileId = Buffer.from(next.fileId).toString('hex');
    const entry = this.#write(this.#encode([{ kind: 'roll', journal: number, fileId }]), 'roll');
    this.#moveTo(next);
    return entry;
  }

  /** With the lock: gives a prepared file its name, unless there is a next file already. */
  adoptNext(preparedPath: string): void {
    const { platform, directory } = this.#options;
    const { files } = platform;
    const number = this.#tail.journal + 1;
    if (this.hasNext() || preparedNumber(files, preparedPath) !== number) {
      files.remove(preparedPath);
      return;
    }
    nameJournalFile(files, directory, preparedPath, number);
    platform.failpoint('roll.prepared');
  }

  #moveTo(next: JournalFile): void {
    this.#file.file.close();
    this.#file = next;
    this.#tail = { ...this.#tail, journal: next.number, position: journalHeaderBytes };
    this.#window.clear();
  }

  /** The header of the next entry if it is there, whole and valid. */
  #nextHeader(): EntryHeader | undefined {
    const { position } = this.#tail;
    if (entryLengthAt(this.#window.peek(this.#file, position), 0) === 0) return undefined;
    return (
      this.#validNext(this.#window.read(this.#file, position)) ??
      this.#validNext(this.#window.readFresh(this.#file, position))
    );
  }

  #validNext(bytes: Uint8Array): EntryHeader | undefined {
    const header = readEntryHeader(bytes, 0, this.#file.fileId);
    const { sequence, checksum } = this.#tail;
    return header?.sequence === sequence + 1 && header.previousChecksum === checksum
      ? header
      : undefined;
  }

  #take(header: EntryHeader, onEntry: (entry: Entry) => void): void {
    const { journal, position } = this.#tail;
    const bytes = this.#window.read(this.#file, position).subarray(0, header.length);
    const operations = decodeOperations(bytes, journal, position);
    this.#options.recent.add(journal, position, bytes);
    this.#tail = {
      journal,
      position: position + header.length,
      sequence: header.sequence,
      checksum: header.checksum,
    };
    const last = operations[0];
    if (last?.kind === 'roll') this.#moveTo(this.#openNamed(last.journal, last.fileId));
    onEntry({ sequence: header.sequence, operations });
  }

  #openNamed(number: number, fileId: string): JournalFile {
    const next = this.#open(number);
    if (Buffer.from(next.fileId).toString('hex') === fileId) return next;
    next.file.close();
    throw wrongNextFile(next.path, fileId);
  }

  #open(number: number): JournalFile {
    const { platform, directory, directoryId } = this.#options;
    return openJournalFile(platform.files, directory, number, directoryId);
  }

  /**
   * With the lock: what lies behind the tail is torn and goes, or is damage and stops everything.
   */
  #cleanBehindTail(): void {
    const peeked = this.#window.peekFresh(this.#file, this.#tail.position);
    if (this.#clean && peeked.every((byte) => byte === 0)) return;
    this.#checkMark();
    const { file, path, fileId, size } = this.#file;
    const { position, sequence } = this.#tail;
    const behind = findValidEntry(file, fileId, position, size, sequence);
    if (behind !== undefined) throw this.#damaged(behind, path);
    this.#checkNextFile();
    const end = lastNonZero(file, position, size);
    // The sync of the next entry, by whatever process, makes this durable too.
    if (end > position) file.write(Buffer.alloc(end - position), position);
    this.#window.clear();
    this.#clean = true;
  }

  /**
   * An entry in the next file means that this one was finished, so that its roll entry must be
   * here.
   */
  #checkNextFile(): void {
    if (!this.hasNext()) return;
    const next = this.#open(this.#tail.journal + 1);
    const found = findValidEntry(
      next.file,
      next.fileId,
      journalHeaderBytes,
      next.size,
      this.#tail.sequence,
    );
    next.file.close();
    if (found !== undefined) throw this.#damaged(this.#file.size, next.path);
  }

  /** The mark is never ahead of the journal, except where the journal lost what it had. */
  #checkMark(): void {
    const marked = this.#options.mark.read();
    const { sequence, position } = this.#tail;
    if (marked <= sequence || this.#nextHeader() !== undefined) return;
    throw behindMark(this.#file.path, sequence + 1, position, marked);
  }

  #damaged(validPosition: number, validPath: string): MillraceError {
    const { sequence, position } = this.#tail;
    return damagedEntry(
      this.#file.path,
      sequence + 1,
      position,
      `byte ${validPosition} of ${validPath}`,
    );
  }

  /**
   * Makes the entries that were found durable, as many as the window shows. They are written again
   * first: after a sync that failed for another process they may be lost while their pages count as
   * clean, and a sync alone would write nothing.
   */
  #syncFound(): void {
    const { file, fileId } = this.#file;
    const { position, sequence, checksum } = this.#tail;
    const bytes = this.#window.read(this.#file, position);
    const { end, last } = validEntries(bytes, fileId, sequence, checksum);
    if (this.#options.durable) file.write(bytes.subarray(0, end), position);
    this.#sync();
    this.#window.clear();
    this.#durable = Math.max(this.#durable, last);
  }

  #sync(): void {
    const { durable, platform } = this.#options;
    if (!durable) return;
    const began = platform.clock.monotonicMs();
    try {
      this.#file.file.sync();
      this.#syncMs = platform.clock.monotonicMs() - began;
    } catch (cause) {
      this.#failure = new MillraceError(
        'OUTCOME_UNKNOWN',
        `Syncing ${this.#file.path} failed, so it is unknown what of it is on disk. Look at the ` +
          'disk, then close the broker and open it again.',
        { cause },
      );
      throw this.#failure;
    }
  }

  #requireUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function isClaim(operation: PlacedOperation): boolean {
  return 'kind' in operation && operation.kind === 'claim';
}
