/**
 * Opens the store of a directory: checks the directory, makes it where there is none, and puts the
 * end of the journal in order. What is done with the store is its caller's business: the broker
 * (embedded-broker.ts), or a copy of the log (log-copy.ts).
 */
import { MillraceError, type Platform, type ProcessLock } from '../platform/index.ts';
import { loadCatalogue } from './catalogue-store.ts';
import {
  checkFileSystem,
  createDirectory,
  directoryExists,
  readIdentity,
  requireFinished,
} from './directory.ts';
import { EmbeddedStore } from './embedded-store.ts';
import { FairLock, type TurnLock } from './fair-lock.ts';
import { type DurableMark, Mark, type ToldMark } from './mark.ts';

export interface StoreSettings {
  readonly durability: 'disk' | 'process';
  readonly journalFileBytes: number;
  readonly largeBytes: number;
  readonly recentBytesMax: number;
  readonly lockTimeoutMs: number;
  readonly pollMs: number;
}

export interface OpenedStore {
  /** Of the directory. */
  readonly id: string;
  readonly store: EmbeddedStore;
}

/**
 * How long opening waits for the lock before it goes on without: another process is writing, so the
 * end is in order.
 */
const openLockWaitMs = 1000;
const lockPollMs = 1;

/** Before a directory is opened: it is there or may be made, and can keep the promises. */
export function requireDirectory(
  platform: Platform,
  directory: string,
  { create }: { readonly create: boolean },
): void {
  requireFinished(platform, directory);
  if (!create && !directoryExists(platform, directory)) {
    throw new MillraceError(
      'DIRECTORY',
      `There is no Millrace data in ${directory}. Check the path given with --data, or make it ` +
        `by running a job or \`millrace topics create\`.`,
    );
  }
  checkFileSystem(platform, directory);
}

/** After `requireDirectory`. */
export async function openStore(
  platform: Platform,
  directory: string,
  settings: StoreSettings,
): Promise<OpenedStore> {
  const lock = platform.openLock(`${directory}/lock.db`);
  try {
    if (!directoryExists(platform, directory))
      await makeLocked(platform, directory, lock, settings);
    const { id } = readIdentity(platform, directory);
    const store = storeOf(platform, directory, settings, {
      id,
      mark: openMark(platform, directory, id),
      lock: new FairLock(platform, directory, lock),
    });
    await recover(platform, store);
    checkSegments(platform, store);
    return { id, store };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/**
 * The store of a directory that this process has open already, for another thread of it: follows
 * what `mark` is told, takes no lock and puts nothing in order.
 */
export function openFollowingStore(
  platform: Platform,
  directory: string,
  mark: ToldMark,
  settings: StoreSettings,
): OpenedStore {
  const { id } = readIdentity(platform, directory);
  return { id, store: storeOf(platform, directory, settings, { id, mark, lock: noLock }) };
}

/** Of a store that nobody appends to. */
const noLock: TurnLock = {
  tryAcquire: () => false,
  release: () => {},
  watch: () => ({ close: () => {} }),
  close: () => {},
};

function storeOf(
  platform: Platform,
  directory: string,
  settings: StoreSettings,
  { id, mark, lock }: { readonly id: string; readonly mark: DurableMark; readonly lock: TurnLock },
): EmbeddedStore {
  const durable = settings.durability === 'disk';
  return new EmbeddedStore({
    platform,
    directory,
    directoryId: id,
    fileBytes: settings.journalFileBytes,
    durable,
    mark,
    lock,
    largeBytes: settings.largeBytes,
    recentBytesMax: settings.recentBytesMax,
    pollMs: settings.pollMs,
    load: () => loadCatalogue(platform, `${directory}/catalogue.db`, id, durable),
  });
}

async function makeLocked(
  platform: Platform,
  directory: string,
  lock: ProcessLock,
  settings: StoreSettings,
): Promise<void> {
  const held = 'Another process keeps the lock of the data directory.';
  await takeLock(platform, lock, settings.lockTimeoutMs, held);
  try {
    createDirectory(platform, directory, settings);
  } finally {
    lock.release();
  }
}

/** Waits for a lock; `LOCK_TIMEOUT` with the message `held` where it is not given up in time. */
export async function takeLock(
  platform: Platform,
  lock: ProcessLock,
  timeoutMs: number,
  held: string,
): Promise<void> {
  const until = platform.clock.monotonicMs() + timeoutMs;
  while (!lock.tryAcquire()) {
    if (platform.clock.monotonicMs() > until) {
      throw new MillraceError('LOCK_TIMEOUT', held, { retryable: true });
    }
    await new Promise<void>((resolve) => platform.clock.after(lockPollMs, resolve));
  }
}

/** The mark is only a hint: where it is missing, a new one says nothing. */
function openMark(platform: Platform, directory: string, id: string): Mark {
  const path = `${directory}/journal/mark`;
  if (!platform.files.exists(path)) platform.files.open(path, 'create').close();
  return new Mark(platform.files, path, id, 'write');
}

/** Applies what the catalogue has not seen, and puts the end of the journal in order. */
async function recover(platform: Platform, store: EmbeddedStore): Promise<void> {
  const until = platform.clock.monotonicMs() + openLockWaitMs;
  while (!store.begin()) {
    if (platform.clock.monotonicMs() > until) {
      store.followAndSync();
      return;
    }
    await new Promise<void>((resolve) => platform.clock.after(lockPollMs, resolve));
  }
  store.end();
}

/**
 * A segment that is missing or shorter than its ranges would be noticed only when it is read:
 * better now. But another process may just have removed it, and an entry says so.
 */
function checkSegments(platform: Platform, store: EmbeddedStore): void {
  for (;;) {
    const misfit = segmentThatMisfits(platform, store);
    if (misfit === undefined) return;
    if (!store.followAndSync()) throw misfit;
  }
}

function segmentThatMisfits(platform: Platform, store: EmbeddedStore): MillraceError | undefined {
  for (const [path, bytes] of store.segmentPaths()) {
    const size = platform.files.sizeOf(path);
    if (size !== undefined && size >= bytes) continue;
    return new MillraceError(
      'FILE_MISMATCH',
      size === undefined
        ? `${path} is missing; it holds committed records. Put it back, or restore the whole ` +
            `directory from a backup.`
        : `${path} has ${size} bytes, but committed records reach to byte ${bytes}. Restore ` +
            `the whole directory from a backup.`,
    );
  }
  return undefined;
}
