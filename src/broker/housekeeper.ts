/**
 * Housekeeping: sorts closed journal files into segments, saves the catalogue, removes what nobody
 * needs, and makes the next journal file ready. One process at a time does it, under a lock of its
 * own; the heavy parts run in the background.
 *
 *   file closed -> sort into segments (synced) -> entry "sorted" -> save the catalogue -> remove it
 *
 * The file goes only after the catalogue that does not need it is durable. A crash between two
 * steps repeats or skips work, and loses nothing: segments without an entry are replaced, a sorted
 * file that is still there is removed later.
 */
import {
  type Background,
  isMillraceError,
  type Platform,
  type ProcessLock,
} from '../platform/index.ts';
import { forgetSaved, snapshotCatalogue } from './catalogue-store.ts';
import type { Committer } from './committer.ts';
import type { EmbeddedStore } from './embedded-store.ts';
import { fileRef } from './file-ref.ts';
import { moduleUrl } from './module-url.ts';
import type { SortedPartition } from './operation.ts';
import type { SortArgument, SortInput } from './sorter.ts';

export interface HousekeeperOptions {
  readonly platform: Platform;
  readonly directory: string;
  readonly directoryId: string;
  readonly durable: boolean;
  readonly journalFileBytes: number;
  readonly instance: string;
  readonly lock: ProcessLock;
  readonly store: EmbeddedStore;
  readonly committer: Committer;
  /**
   * Told of a failure: the files stay as they are, and the next run tries again, unless a sync has
   * failed: then the committer fails too.
   */
  onError(error: unknown): void;
}

export class Housekeeper {
  readonly #options: HousekeeperOptions;
  readonly #background: Background;
  #running: Promise<void> | undefined;
  #preparing: Promise<void> | undefined;
  #failedAt = 0;
  #settling = false;

  constructor(options: HousekeeperOptions) {
    this.#options = options;
    this.#background = options.platform.background;
  }

  /**
   * Starts what there is to do, if it is not under way. Called after entries were applied; cheap.
   */
  wake(): void {
    const { store } = this.#options;
    if (this.#settling) return;
    if (store.catalogue.unsorted.length > 1 && this.#running === undefined && this.#mayTry()) {
      this.#running = this.#guard(() => this.#sortAll()).finally(() => {
        this.#running = undefined;
      });
    }
    if (store.journal.wantsNext && this.#preparing === undefined && !store.journal.hasNext()) {
      this.#preparing = this.#guard(() => this.#prepareNext()).finally(() => {
        this.#preparing = undefined;
      });
    }
  }

  /** Starts nothing any more, and waits for what is under way. */
  async settle(): Promise<void> {
    this.#settling = true;
    await this.#running;
    await this.#preparing;
  }

  /** Saves the catalogue as it is now, unless another process is housekeeping. */
  async save(): Promise<boolean> {
    const { lock } = this.#options;
    if (!lock.tryAcquire()) return false;
    try {
      await this.#saveCatalogue();
      return true;
    } finally {
      lock.release();
    }
  }

  #mayTry(): boolean {
    return this.#options.platform.clock.monotonicMs() >= this.#failedAt;
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#failedAt = this.#options.platform.clock.monotonicMs() + 1000; // not at once again
      this.#options.onError(error);
      if (!isMillraceError(error, 'OUTCOME_UNKNOWN')) return;
      this.#settling = true; // a sync failed: nothing may be tried again
      this.#options.committer.fail(error);
    }
  }

  async #sortAll(): Promise<void> {
    const { lock, committer } = this.#options;
    if (!lock.tryAcquire()) return;
    try {
      for (;;) {
        // With the journal's lock, for the last one to sort may have written an entry that is not
        // known here yet: sorting that file again would replace segments that readers use.
        const journal = await committer.submitAlone(({ unsorted }) => ({
          operations: [],
          answer: unsorted.length < 2 ? undefined : unsorted[0],
        }));
        if (journal === undefined) break;
        await this.#sort(journal);
      }
      await this.#saveCatalogue();
      await this.#removeFiles();
    } finally {
      lock.release();
    }
  }

  async #sort(journal: number): Promise<void> {
    const { platform, committer, directory, durable } = this.#options;
    const inputs = await this.#sortInputs(journal);
    const argument: SortArgument = { directory, journal, durable, partitions: inputs };
    const partitions = await this.#background.run<SortedPartition[]>({
      url: moduleUrl(import.meta.url, 'sorter'),
      name: 'sortJournalFile',
      argument,
      transfer: inputs.map(({ ranges }) => ranges.buffer),
    });
    await committer.submitAlone(() => ({
      operations: [{ kind: 'sorted' as const, journal, partitions }],
      answer: undefined,
    }));
    platform.failpoint('sort.committed');
  }

  /** One partition a turn: a busy file has hundreds of thousands of ranges. */
  async #sortInputs(journal: number): Promise<SortInput[]> {
    const { platform, store } = this.#options;
    const file = fileRef('journal', journal);
    const inputs: SortInput[] = [];
    for (const topic of store.catalogue.topics.values()) {
      for (const [partition, state] of topic.partitions.entries()) {
        const ranges = state.ranges.packFile(file);
        if (ranges.length === 0) continue;
        inputs.push({ topic: topic.id, topicName: topic.name, partition, ranges });
        await new Promise<void>((resolve) => platform.clock.soon(resolve));
      }
    }
    return inputs;
  }

  async #saveCatalogue(): Promise<void> {
    const { store, directory, directoryId, durable } = this.#options;
    const { catalogue, tail } = store;
    const path = `${directory}/catalogue.db`;
    const argument = snapshotCatalogue({ catalogue, tail }, directoryId, path, durable);
    try {
      await this.#background.run({
        url: moduleUrl(import.meta.url, 'catalogue-store'),
        name: 'saveCatalogue',
        argument,
      });
    } catch (error) {
      forgetSaved(catalogue);
      throw error;
    }
  }

  /**
   * Journal files that are sorted, and segments that no range names. The saved catalogue needs
   * neither.
   */
  async #removeFiles(): Promise<void> {
    const { platform, directory, store } = this.#options;
    const first = store.catalogue.unsorted[0] ?? 1;
    const sorted = platform.files
      .list(`${directory}/journal`)
      .filter((name) => Number(/^(\d+)\.journal$/.exec(name)?.[1] ?? first) < first);
    await this.#removeInBackground(sorted.map((name) => `${directory}/journal/${name}`));
    platform.failpoint('sort.removed');
    await this.#removeInBackground(unnamedSegments(this.#options));
  }

  /** Freeing the blocks of a large file takes the file system many milliseconds. */
  async #removeInBackground(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    const call = {
      url: moduleUrl(import.meta.url, 'segment'),
      name: 'removeFiles',
      argument: paths,
    };
    await this.#background.run(call);
  }

  async #prepareNext(): Promise<void> {
    const { platform, directory, directoryId, journalFileBytes, store, instance, committer } =
      this.#options;
    const path = `${directory}/journal/${instance}.new`;
    const fileId = platform.randomBytes(8);
    const header = { directoryId, number: store.tail.journal + 1, fileId };
    await this.#background.run({
      url: moduleUrl(import.meta.url, 'journal-file'),
      name: 'prepareJournalFile',
      argument: { path, header, size: journalFileBytes },
    });
    await committer.submitAlone(() => {
      store.journal.adoptNext(path);
      return { operations: [], answer: undefined };
    });
  }
}

/** What of a journal file still counts: ranges of partitions that exist, behind their log start. */
/**
 * Segments that no range names. One that is being written is not named yet, but only under the
 * journal's lock: so it is looked at again with the lock. The numbers of large ones that were
 * committed are not used again; a leftover with a number that is still free is replaced when that
 * is taken.
 */
function unnamedSegments({ platform, directory, store }: HousekeeperOptions): string[] {
  const named = store.segmentPaths();
  const unnamed = listSegments(platform, directory).filter((path) => !named.has(path));
  if (unnamed.length === 0 || !store.begin()) return [];
  try {
    const namedNow = store.segmentPaths();
    const { nextLarge } = store.catalogue;
    return unnamed.filter((path) => !namedNow.has(path) && numberOfLarge(path) < nextLarge);
  } finally {
    store.end();
  }
}

/** -1 for other segments. */
function numberOfLarge(path: string): number {
  return Number(/\/large-(\d+)\.log$/.exec(path)?.[1] ?? -1);
}

function listSegments({ files }: Platform, directory: string): string[] {
  const below = (path: string) => files.list(path).map((name) => `${path}/${name}`);
  return below(`${directory}/topics`).flatMap(below).flatMap(below);
}
