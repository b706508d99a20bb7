/**
 * The data directory: its identity, its format, and whether it can be used at all.
 *
 *   millrace.json     {"format":1,"id":"<32 hex digits>"}   written last when a directory is made
 *   lock.db           the right to append (SQLite, nothing but its lock)
 *   housekeeping.db   the right to sort, save the catalogue and remove files (the same)
 *   catalogue.db      catalogue-store.ts
 *   journal/          journal.ts, mark.ts
 *   topics/           segment.ts
 *   state/            the folds of tasks (src/state)
 *   processes/        one file for each process that has the directory open (heartbeat.ts)
 *   turns/            who waits for the lock (fair-lock.ts)
 */
import { dirname, resolve } from 'node:path';
import { isMillraceError, MillraceError, messageOf, type Platform } from '../platform/index.ts';
import { journalPath, newerFormat, writeJournalFile } from './journal-file.ts';

const formatVersion = 1;

const directories = ['journal', 'topics', 'state', 'processes'];

export interface DirectoryIdentity {
  /** 16 bytes as hex. */
  readonly id: string;
}

export interface DirectoryOptions {
  readonly journalFileBytes: number;
}

/** Whether a directory was made at this path. */
export function directoryExists(platform: Platform, directory: string): boolean {
  return platform.files.exists(identityPath(directory));
}

/**
 * Makes a directory; call it with the lock. A crash on the way leaves no identity, and the next
 * call begins anew, but never over a journal that may hold commits.
 */
export function createDirectory(
  platform: Platform,
  directory: string,
  options: DirectoryOptions,
): void {
  const { files } = platform;
  if (directoryExists(platform, directory)) return;
  if (files.exists(`${directory}/catalogue.db`)) throw lostIdentity(directory);
  syncParents(platform, directory);
  const id = Buffer.from(platform.randomBytes(16)).toString('hex');
  for (const name of directories) files.makeDirectory(`${directory}/${name}`);
  files.remove(journalPath(directory, 1));
  const header = { directoryId: id, number: 1, fileId: platform.randomBytes(8) };
  writeJournalFile(files, journalPath(directory, 1), header, options.journalFileBytes);
  createEmpty(platform, `${directory}/journal/mark`);
  files.syncDirectory(`${directory}/journal`);
  writeIdentity(platform, directory, id);
  platform.failpoint('directory.created');
}

/**
 * Fails with `DIRECTORY` for a newer format, `DAMAGED` for a file that is not an identity. Its name
 * is made durable here, for whoever made the directory may have died before.
 */
export function readIdentity(platform: Platform, directory: string): DirectoryIdentity {
  platform.files.syncDirectory(directory);
  const path = identityPath(directory);
  const size = platform.files.sizeOf(path) ?? 0;
  const bytes = Buffer.alloc(size);
  const file = platform.files.open(path, 'read');
  try {
    file.read(bytes, 0, size, 0);
  } finally {
    file.close();
  }
  const { format, id } = parseIdentity(path, bytes.toString('utf8'));
  if (format > formatVersion) throw newerFormat(path, format);
  return { id };
}

/**
 * Refuses what can't keep the promises: a file system over a network, or one that can't be written.
 */
export function checkFileSystem(platform: Platform, directory: string): void {
  try {
    makeDirectoryDurably(platform, directory);
  } catch (cause) {
    throw new MillraceError(
      'DIRECTORY',
      `The data directory ${directory} can't be made: ${messageOf(cause)}. Choose one that ` +
        `this user may write.`,
      { cause },
    );
  }
  const kind = platform.files.kindOf(directory);
  if (kind === 'local') return;
  throw new MillraceError(
    'DIRECTORY',
    kind === 'read-only'
      ? `The data directory ${directory} is read-only. Choose one that this user may write.`
      : `The data directory ${directory} is on a network file system, where locks and syncs ` +
          `can't be trusted. Choose a local disk.`,
  );
}

/** Makes a directory and its missing parents; their names survive a power cut. */
export function makeDirectoryDurably({ files }: Platform, directory: string): void {
  const missing: string[] = [];
  for (let path = resolve(directory); !files.exists(path); path = dirname(path)) missing.push(path);
  files.makeDirectory(directory);
  for (const path of missing) files.syncDirectory(dirname(path));
}

/**
 * Parents that are there already may be of a process that died before their names were durable;
 * those that this user may not read are not.
 */
function syncParents({ files }: Platform, directory: string): void {
  for (let path = resolve(directory); path !== dirname(path); path = dirname(path)) {
    try {
      files.syncDirectory(dirname(path));
    } catch (error) {
      if (!isMillraceError(error)) throw error;
    }
  }
}

function identityPath(directory: string): string {
  return `${directory}/millrace.json`;
}

/** A copy has this name until it is whole: then it becomes its identity. */
function unfinishedPath(directory: string): string {
  return `${directory}/millrace.json.unfinished`;
}

/** Begins a copy of a directory at `directory`; fails with `IO` where another one has begun. */
export function beginCopied(platform: Platform, directory: string, id: string): void {
  makeDirectoryDurably(platform, directory);
  writeIdentityTo(platform, unfinishedPath(directory), id);
  platform.files.syncDirectory(directory);
  for (const name of directories) makeDirectoryDurably(platform, `${directory}/${name}`);
}

/** A copy is whole, and durable: from here on it is a directory like any other. */
export function finishCopied({ files }: Platform, directory: string): void {
  files.rename(unfinishedPath(directory), identityPath(directory));
  files.syncDirectory(directory);
}

/** Fails with `DIRECTORY` for a copy that was not finished. */
export function requireFinished({ files }: Platform, directory: string): void {
  if (!files.exists(unfinishedPath(directory)) || files.exists(identityPath(directory))) return;
  throw new MillraceError(
    'DIRECTORY',
    `${directory} holds a backup that was not finished. Remove it, and make the backup again.`,
  );
}

function writeIdentity(platform: Platform, directory: string, id: string): void {
  const path = `${identityPath(directory)}.new`;
  platform.files.remove(path);
  writeIdentityTo(platform, path, id);
  platform.files.rename(path, identityPath(directory));
}

/** Leaves nothing where it fails. */
function writeIdentityTo({ files }: Platform, path: string, id: string): void {
  const file = files.open(path, 'create');
  try {
    file.write(Buffer.from(`${JSON.stringify({ format: formatVersion, id })}\n`), 0);
    file.sync();
  } catch (error) {
    files.remove(path);
    throw error;
  } finally {
    file.close();
  }
}

function createEmpty(platform: Platform, path: string): void {
  platform.files.remove(path);
  platform.files.open(path, 'create').close();
}

function parseIdentity(path: string, text: string): { format: number; id: string } {
  try {
    const { format, id } = JSON.parse(text);
    if (typeof format === 'number' && typeof id === 'string') return { format, id };
  } catch (error) {
    if (isMillraceError(error)) throw error;
  }
  throw new MillraceError(
    'DAMAGED',
    `${path} is damaged: it does not hold the directory's format and id.`,
  );
}

function lostIdentity(directory: string): MillraceError {
  return new MillraceError(
    'FILE_MISMATCH',
    `${identityPath(directory)} is missing, but ${directory} holds data. Put it back, or ` +
      `restore the directory from a backup.`,
  );
}
