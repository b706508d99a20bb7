/**
 * A copy of the log, taken while other processes commit: a directory with everything up to one
 * entry of the journal (the cut), and nothing after it.
 *
 *   source   journal  7 sorted | 8 ........ | 9 .....^cut ....      segments of 1 to 7
 *   copy     catalogue.db as of the cut, 8, 9 up to the cut and then zeros, the same segments
 *
 * What makes it consistent:
 * - While the copy is made it holds the housekeeping lock: no journal file is sorted and no file is
 *   removed, so that every file the cut names stays. Commits need another lock and go on; what they
 *   write waits to be sorted.
 * - Bytes that count never change. Of files that grow (the last journal file, large segments) only
 *   those are read that the cut knows.
 * - The copy gets its identity last, by a rename, once all of it is durable. Until then opening it
 *   is refused; a crash leaves nothing in the source.
 */
import { MillraceError, type Platform, type ProcessLock } from '../platform/index.ts';
import { forgetSaved, snapshotCatalogue } from './catalogue-store.ts';
import type { FileCopy } from './copy-files.ts';
import { beginCopied, finishCopied } from './directory.ts';
import { brokerDefaults } from './embedded-broker.ts';
import type { EmbeddedStore } from './embedded-store.ts';
import { journalPath } from './journal-file.ts';
import { moduleUrl } from './module-url.ts';
import { openStore, requireDirectory, takeLock } from './open-store.ts';

export interface CopySummary {
  readonly files: number;
  readonly bytes: number;
}

interface CopyParts {
  readonly platform: Platform;
  readonly directory: string;
  readonly target: string;
  readonly id: string;
  readonly lock: ProcessLock;
  readonly store: EmbeddedStore;
}

/**
 * Begins a copy of the log in `directory` at `target`, which must be empty or missing.
 * `lockTimeoutMs`: how long it waits for housekeeping that is under way.
 *
 * Fails with `DIRECTORY` where there is no data or the target is not empty, `IO` or `DISK_FULL`
 * where the target can't be made, `LOCK_TIMEOUT`, or as opening does.
 */
export async function beginCopy(
  platform: Platform,
  directory: string,
  target: string,
  lockTimeoutMs: number,
): Promise<LogCopy> {
  requireDirectory(platform, directory, { create: false });
  requireEmpty(platform, target);
  const lock = platform.openLock(`${directory}/housekeeping.db`);
  try {
    await takeLock(platform, lock, lockTimeoutMs, isHousekeeping(directory));
    const { id, store } = await openStore(platform, directory, brokerDefaults);
    try {
      beginCopied(platform, target, id);
      platform.failpoint('backup.begun');
      return new LogCopy({ platform, directory, target, id, lock, store });
    } catch (error) {
      store.close();
      throw error;
    }
  } catch (error) {
    lock.close();
    throw error;
  }
}

export class LogCopy {
  readonly #parts: CopyParts;

  constructor(parts: CopyParts) {
    this.#parts = parts;
  }

  /** The copy will hold everything that is committed by now, and nothing later. */
  takeCut(): void {
    this.#parts.store.followAndSync();
  }

  /** As of the cut: the tasks that were ever claimed. */
  get tasks(): string[] {
    return [...this.#parts.store.catalogue.tasks.keys()];
  }

  /** As of the cut: the log start of a topic's first partition; undefined where there is none. */
  startOf(topic: string): number | undefined {
    const { topics, topicIds } = this.#parts.store.catalogue;
    return topics.get(topicIds.get(topic) ?? 0)?.partitions[0]?.start;
  }

  /** Writes the log as of the cut; afterwards it is durable. */
  async write(): Promise<CopySummary> {
    const { platform, target, id, store } = this.#parts;
    const { catalogue, tail } = store;
    forgetSaved(catalogue); // all of it is written
    await platform.background.run({
      url: moduleUrl(import.meta.url, 'catalogue-store'),
      name: 'saveCatalogue',
      argument: snapshotCatalogue({ catalogue, tail }, id, `${target}/catalogue.db`, true),
    });
    platform.failpoint('backup.catalogued');
    const copies = [...this.#journalFiles(), ...this.#segments()];
    await platform.background.run({
      url: moduleUrl(import.meta.url, 'copy-files'),
      name: 'copyFiles',
      argument: copies,
    });
    platform.files.syncDirectory(target);
    platform.failpoint('backup.synced');
    const catalogueBytes = platform.files.sizeOf(`${target}/catalogue.db`) ?? 0;
    const bytes = copies.reduce((sum, { size }) => sum + size, catalogueBytes);
    return { files: copies.length + 1, bytes };
  }

  /** The copy is whole: from here on it can be opened. */
  finish(): void {
    finishCopied(this.#parts.platform, this.#parts.target);
    this.#parts.platform.failpoint('backup.completed');
  }

  /** After a failure: makes the target empty again, as far as that can be done. */
  abandon(): void {
    const { platform, target } = this.#parts;
    try {
      for (const name of platform.files.list(target)) platform.files.remove(`${target}/${name}`);
    } catch {
      // What is left is refused when it is opened: it has no identity.
    }
  }

  close(): void {
    this.#parts.store.close();
    this.#parts.lock.close();
  }

  /** Those that are not sorted; of the last one, which is being written, what the cut knows. */
  #journalFiles(): FileCopy[] {
    const { platform, directory, target, store } = this.#parts;
    return store.catalogue.unsorted.map((number) => {
      const from = journalPath(directory, number);
      const size = platform.files.sizeOf(from) ?? 0;
      const length = number === store.tail.journal ? store.tail.position : size;
      return { from, to: journalPath(target, number), length, size };
    });
  }

  #segments(): FileCopy[] {
    const { directory, target, store } = this.#parts;
    return [...store.segmentPaths()].map(([from, bytes]) => {
      const to = `${target}${from.slice(directory.length)}`;
      return { from, to, length: bytes, size: bytes };
    });
  }
}

function requireEmpty({ files }: Platform, target: string): void {
  if (files.list(target).length === 0) return;
  throw new MillraceError(
    'DIRECTORY',
    `${target} is not empty. Choose an empty directory for the backup, or one that is not there.`,
  );
}

function isHousekeeping(directory: string): string {
  return (
    `Another process is sorting files of ${directory}, or makes a backup of it. Try again, or ` +
    'end that process.'
  );
}
