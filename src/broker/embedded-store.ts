/**
 * Entries in the journal of a directory: the journal, the catalogue that follows it, segments for
 * large appends, and what was just written, in memory.
 */
import { isMillraceError, MillraceError, type Platform } from '../platform/index.ts';
import { apply, type Catalogue, type TopicState } from './catalogue.ts';
import type { StoredCatalogue } from './catalogue-store.ts';
import type { PlacedOperation } from './entry-codec.ts';
import type { EntryStore, PlannedOperation } from './entry-store.ts';
import type { TurnLock } from './fair-lock.ts';
import { type FileRef, kindOf, numberOf } from './file-ref.ts';
import { Journal, type JournalOptions, type JournalTail } from './journal.ts';
import { journalPath } from './journal-file.ts';
import { LargeAppends } from './large-appends.ts';
import { OpenFiles } from './open-files.ts';
import type { Entry } from './operation.ts';
import type { Range } from './ranges.ts';
import { RecentEntries } from './recent-entries.ts';
import { assignOffsets } from './record-batch.ts';
import type { PlannedAppend } from './requests.ts';
import { segmentPath } from './segment.ts';

export interface EmbeddedStoreOptions extends Omit<JournalOptions, 'recent'> {
  readonly lock: TurnLock;
  /** Appends of this many bytes and more to a partition go straight to a segment. */
  readonly largeBytes: number;
  readonly recentBytesMax: number;
  /** How often the journal is looked at where the file watch stayed silent, in ms. */
  readonly pollMs: number;
  load(): StoredCatalogue;
}

/**
 * The share of a journal file that the batches of one entry may take; the rest is for its other
 * fields.
 */
const entryShare = 0.75;

export class EmbeddedStore implements EntryStore {
  readonly #options: EmbeddedStoreOptions;
  readonly #platform: Platform;
  readonly #recent: RecentEntries;
  readonly #files: OpenFiles;
  readonly #large: LargeAppends;
  #catalogue: Catalogue;
  #journal: Journal;
  #lastOwnSequence = 0;
  #sealed = false;

  constructor(options: EmbeddedStoreOptions) {
    this.#options = options;
    this.#platform = options.platform;
    this.#recent = new RecentEntries(options.recentBytesMax);
    this.#files = new OpenFiles(options.platform.files);
    this.#large = new LargeAppends(options.platform, options.directory, options.durable);
    const { catalogue, journal } = this.#fromStored();
    this.#catalogue = catalogue;
    this.#journal = journal;
  }

  get catalogue(): Catalogue {
    return this.#catalogue;
  }

  get tail(): JournalTail {
    return this.#journal.tail;
  }

  get journal(): Journal {
    return this.#journal;
  }

  get syncMs(): number {
    return this.#journal.syncMs;
  }

  /** Whether the last entry of the journal is one of this process. */
  get wroteLast(): boolean {
    return this.#lastOwnSequence === this.#catalogue.applied && this.#lastOwnSequence > 0;
  }

  /** Whether the last entry is a seal. */
  get sealed(): boolean {
    return this.#sealed;
  }

  begin(): boolean {
    if (!this.#options.lock.tryAcquire()) return false;
    try {
      this.#platform.failpoint('commit.locked');
      this.#followWith('locked');
      return true;
    } catch (error) {
      this.#options.lock.release();
      throw error;
    }
  }

  write(planned: readonly PlannedOperation[]): void {
    for (const operation of planned) {
      if ('batches' in operation) assignOffsets(operation.batches, operation.operation.baseOffset);
    }
    let operations: readonly PlacedOperation[];
    try {
      operations = this.#placeLarge(planned);
      this.#large.sync();
      this.#journal.append(operations, this.#apply);
    } catch (error) {
      this.#large.abandoned(); // of large appends whose entry was not written, nothing is kept
      throw error;
    }
    this.#large.committed();
    this.#lastOwnSequence = this.#catalogue.applied;
    this.#sealed = operations.length === 1 && isSeal(operations[0]);
    this.#platform.failpoint('commit.applied');
  }

  end(): void {
    this.#options.lock.release();
  }

  follow(): boolean {
    if (this.#options.mark.read() === this.#journal.tail.sequence) return false;
    return this.#followWith('marked');
  }

  followAndSync(): boolean {
    return this.#followWith('sync');
  }

  poll(onChange: () => void): { close(): void } {
    const { clock } = this.#platform;
    const { pollMs } = this.#options;
    const poll = () => {
      timer = clock.after(pollMs, poll);
      onChange();
    };
    let timer = clock.after(pollMs, poll);
    return { close: () => timer.cancel() };
  }

  watch(onChange: () => void): { close(): void } {
    return this.#platform.files.watch(`${this.#options.directory}/journal/mark`, onChange);
  }

  watchTurn(onTurn: () => void): { close(): void } {
    return this.#options.lock.watch(onTurn);
  }

  read(
    topic: TopicState,
    partition: number,
    range: Range,
    skip: number,
    lengthMax: number,
  ): Uint8Array {
    const length = Math.min(lengthMax, range.length - skip);
    if (kindOf(range.file) === 'journal') {
      const recent = this.#recent.get(numberOf(range.file), range.position + skip, length);
      if (recent !== undefined) return recent;
    }
    const path = this.#pathOf(topic, partition, range.file);
    if (!this.#platform.files.exists(path)) {
      throw new MillraceError(
        'FILE_MISMATCH',
        `${path} is missing; it holds records of ${topic.name}/${partition} from offset ` +
          `${range.base}. ` +
          'Put it back, or restore the whole directory from a backup.',
      );
    }
    const bytes = Buffer.allocUnsafeSlow(length);
    const got = this.#files.get(path).read(bytes, 0, length, range.position + skip);
    if (got === length) return bytes;
    throw new MillraceError(
      'DAMAGED',
      `${path} ends at byte ${range.position + skip + got}, but records of ` +
        `${topic.name}/${partition} ` +
        `reach to byte ${range.position + range.length}. Restore the directory from a backup.`,
    );
  }

  /** The segments that ranges name, with the sizes they must have. */
  segmentPaths(): Map<string, number> {
    const sizes = new Map<string, number>();
    for (const topic of this.#catalogue.topics.values()) {
      for (const [partition, { ranges }] of topic.partitions.entries()) {
        for (const [file, bytes] of ranges.extents()) {
          if (kindOf(file) !== 'journal') sizes.set(this.#pathOf(topic, partition, file), bytes);
        }
      }
    }
    return sizes;
  }

  close(): void {
    this.#files.close();
    this.#large.close();
    this.#journal.close();
    this.#options.mark.close();
    this.#options.lock.close();
  }

  /**
   * Writes large appends to segments; also the largest of an entry that would not fit into a
   * journal file.
   */
  #placeLarge(planned: readonly PlannedOperation[]): PlacedOperation[] {
    const appends = planned.filter((operation) => 'batches' in operation);
    let bytes = 0;
    for (const { batches } of appends) bytes += batches.length;
    const large = new Set<PlannedAppend>();
    for (const append of appends.sort((a, b) => b.batches.length - a.batches.length)) {
      const fits = bytes <= this.#journal.entryBytesMax * entryShare;
      if (append.batches.length < this.#options.largeBytes && fits) break;
      large.add(append);
      bytes -= append.batches.length;
    }
    return planned.map((operation) => {
      if (!('batches' in operation) || !large.has(operation)) return operation;
      return this.#large.write(this.#catalogue, operation);
    });
  }

  readonly #apply = (entry: Entry): void => apply(this.#catalogue, entry);

  #followWith(how: 'locked' | 'marked' | 'sync'): boolean {
    try {
      return this.#journal.follow(how, this.#apply);
    } catch (error) {
      if (!isMillraceError(error, 'FILE_MISMATCH') || !this.#reload()) throw error;
      this.#followWith(how);
      return true;
    }
  }

  /**
   * A journal file that this process still needed was sorted and is gone: goes on from the stored
   * catalogue.
   */
  #reload(): boolean {
    const { catalogue, journal } = this.#fromStored();
    if (catalogue.applied <= this.#catalogue.applied) {
      journal.close();
      return false;
    }
    this.#journal.close();
    this.#catalogue = catalogue;
    this.#journal = journal;
    return true;
  }

  /** The journal file that a stored catalogue goes on in may be gone once a newer one is stored. */
  #fromStored(): { readonly catalogue: Catalogue; readonly journal: Journal } {
    let { catalogue, tail } = this.#options.load();
    for (;;) {
      try {
        return {
          catalogue,
          journal: new Journal({ ...this.#options, recent: this.#recent }, tail),
        };
      } catch (error) {
        const stored = this.#options.load();
        const isNewer = stored.catalogue.applied > catalogue.applied;
        if (!isMillraceError(error, 'FILE_MISMATCH') || !isNewer) throw error;
        ({ catalogue, tail } = stored);
      }
    }
  }

  #pathOf(topic: TopicState, partition: number, file: FileRef): string {
    const { directory } = this.#options;
    if (kindOf(file) === 'journal') return journalPath(directory, numberOf(file));
    const place = { topic: topic.id, topicName: topic.name, partition };
    return segmentPath(directory, place, file);
  }
}

function isSeal(operation: PlacedOperation | undefined): boolean {
  return operation !== undefined && 'kind' in operation && operation.kind === 'seal';
}
