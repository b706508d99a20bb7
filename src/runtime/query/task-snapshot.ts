/**
 * The state of tasks as of their last commits, read from their directory while they may be running.
 *
 *   1  pin      a read transaction on each state file: folded up to F, perhaps folding on up to P
 *   2  move     the log to its last entry: each changelog ends at E, with the last commit
 *   3  overlay  the changes from F to E beside the tables
 *
 * All tasks are seen at one entry of the log, as a crash there would have left them: what one has
 * committed for another one is in the log, read or not.
 *
 * Pinned first, so that no fold is ahead of the log. A fold that finishes in between may let the
 * log forget what is needed: then all is done again. Commits are whole in the log, so E never lies
 * inside one.
 */
import type Database from 'better-sqlite3';
import { type LogView, RecordCursor } from '../../broker/index.ts';
import {
  assert,
  isMillraceError,
  MillraceError,
  openDatabaseInMemory,
  withSqliteErrors,
} from '../../platform/index.ts';
import {
  type Change,
  createTables,
  type FoldedState,
  Overlay,
  readFoldedState,
} from '../../state/index.ts';
import { changeOf } from '../changelog.ts';
import { changelogOf } from '../open-task.ts';

export type ReadLog = Pick<LogView, 'id' | 'tasks' | 'boundsOf' | 'read' | 'refresh'>;

export interface TaskFiles {
  readonly log: ReadLog;
  readonly task: string;
  /** Of the state file. */
  readonly path: string;
  /** Opens it for reading; undefined where there is none. */
  open(): Database.Database | undefined;
}

export interface TaskSnapshot {
  readonly task: string;
  /** In a read transaction, with the overlay. */
  readonly database: Database.Database;
  readonly overlay: Overlay;
  /** Of the last commit. */
  readonly epoch: number;
  /** The changelog up to here is seen. */
  readonly changelogOffset: number;
}

const attemptsMax = 20;
const readBytes = 1024 * 1024;

const nothingFolded: FoldedState = { foldedOffset: 0, foldingThrough: 0, stores: new Map() };

/** Fails with `FILE_MISMATCH` where state file and log do not fit together. */
export function takeSnapshot(files: TaskFiles): TaskSnapshot {
  const [snapshot] = takeSnapshots(files.log, () => [files]);
  assert(snapshot !== undefined, 'each task has a snapshot');
  return snapshot;
}

/**
 * The state of several tasks, as of one entry of the log. `filesOf`: of the tasks that there are
 * where the log stands. Fails as `takeSnapshot`.
 */
export function takeSnapshots(
  log: ReadLog,
  filesOf: () => readonly TaskFiles[],
): readonly TaskSnapshot[] {
  for (let attempt = 1; ; attempt++) {
    const pinned = pinAll(filesOf());
    try {
      log.refresh();
      const snapshots = hasTasks(pinned, filesOf()) ? overlaidAll(pinned, attempt) : undefined;
      if (snapshots !== undefined) return snapshots;
    } catch (error) {
      closeAll(pinned);
      throw error;
    }
    closeAll(pinned);
  }
}

interface PinnedFile {
  readonly files: TaskFiles;
  readonly database: Database.Database;
  readonly folded: FoldedState;
}

function pinAll(all: readonly TaskFiles[]): PinnedFile[] {
  const pinned: PinnedFile[] = [];
  try {
    for (const files of all) pinned.push(pin(files));
    return pinned;
  } catch (error) {
    closeAll(pinned);
    throw error;
  }
}

/** Closes what has a database. */
export function closeAll(all: readonly Pick<TaskSnapshot, 'database'>[]): void {
  for (const { database } of all) database.close();
}

/** A job that was rescaled meanwhile has other ones. */
function hasTasks(pinned: readonly PinnedFile[], now: readonly TaskFiles[]): boolean {
  return (
    pinned.length === now.length && pinned.every(({ files }, i) => files.task === now[i]?.task)
  );
}

/** Undefined where the log has forgotten what a pinned file does not have yet. */
function overlaidAll(
  pinned: readonly PinnedFile[],
  attempt: number,
): readonly TaskSnapshot[] | undefined {
  const snapshots: TaskSnapshot[] = [];
  for (const { files, database, folded } of pinned) {
    const snapshot = withSqliteErrors(files.path, () => overlaid(files, database, folded));
    if (snapshot === undefined && attempt < attemptsMax) return undefined;
    if (snapshot === undefined) throw behindChangelog(files, folded.foldedOffset);
    snapshots.push(snapshot);
  }
  return snapshots;
}

function pin(files: TaskFiles): PinnedFile {
  const database = files.open();
  if (database === undefined) return nothing(files);
  try {
    const { log, task, path } = files;
    const identity = { directoryId: log.id, task };
    const folded = withSqliteErrors(path, () => {
      database.exec('BEGIN');
      return readFoldedState(database, path, identity); // the first read pins
    });
    if (folded !== undefined) return { files, database, folded };
  } catch (error) {
    database.close();
    throw error;
  }
  database.close();
  return nothing(files);
}

/** The file is not made yet: the changelog has it all. */
function nothing(files: TaskFiles): PinnedFile {
  const database = openDatabaseInMemory();
  createTables(database);
  return { files, database, folded: nothingFolded };
}

/** As `overlaidAll`, of one. */
function overlaid(
  { log, task, path }: TaskFiles,
  database: Database.Database,
  folded: FoldedState,
): TaskSnapshot | undefined {
  const changelog = changelogOf(task);
  const { start, end } = log.boundsOf(changelog) ?? { start: 0, end: 0 };
  const epoch = log.tasks.find((each) => each.task === task)?.epoch ?? 0;
  if (folded.foldedOffset < start) return undefined;
  if (folded.foldingThrough > end) throw aheadOfChangelog(path, changelog, folded, end);
  try {
    const changes = changesBetween(log, changelog, folded.foldedOffset, end);
    const overlay = new Overlay(database, folded.stores, changes);
    return { task, database, overlay, epoch, changelogOffset: end };
  } catch (error) {
    if (isMillraceError(error, 'OFFSET_OUT_OF_RANGE')) return undefined; // forgotten meanwhile
    throw error;
  }
}

function* changesBetween(
  log: ReadLog,
  changelog: string,
  from: number,
  end: number,
): Generator<Change> {
  const cursor = new RecordCursor();
  for (let offset = from; offset < end; offset = cursor.endOffset()) {
    const batches = log.read(changelog, offset, readBytes);
    if (batches === undefined) return;
    cursor.reset(batches.bytes, batches.placeOf);
    while (cursor.next()) {
      if (cursor.offset >= end) return;
      if (cursor.offset >= offset) yield changeOf(cursor);
    }
  }
}

function behindChangelog({ path, task }: TaskFiles, folded: number): MillraceError {
  return new MillraceError(
    'FILE_MISMATCH',
    `${path} is missing, or folded only to offset ${folded}, which lies before the start of the ` +
      `changelog ${changelogOf(task)}. Start its job to see which file to put back.`,
  );
}

function aheadOfChangelog(
  path: string,
  changelog: string,
  { foldingThrough }: FoldedState,
  end: number,
): MillraceError {
  return new MillraceError(
    'FILE_MISMATCH',
    `${path} is newer than the log: it holds the changelog ${changelog} up to offset ` +
      `${foldingThrough}, but that ends at ${end}. Restore the whole directory from one backup.`,
  );
}
