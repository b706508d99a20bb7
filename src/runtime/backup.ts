/**
 * Backup: a copy of a data directory that may be in use, which can be run at once.
 *
 *   1  pin      a read transaction on each state file: folded up to some changelog offset
 *   2  cut      the log as of now (broker: log-copy.ts)
 *   3  copy     the state files as pinned, then the log as of the cut
 *
 * The log is the truth; state files are folds of it that lag behind. So a copy of both fits
 * together if the log holds the changelog from where the fold ends. It is pinned before the cut:
 * then no fold is ahead of the log. A fold that finishes in between may let the log forget what a
 * pinned one still needs: that shows in the cut, and both are taken again.
 */
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { beginCopy, type CopySummary, type LogCopy } from '../broker/index.ts';
import {
  checkNumbers,
  checkOptions,
  MillraceError,
  nodePlatform,
  type Platform,
  withSqliteErrors,
} from '../platform/index.ts';
import { changelogOf } from './open-task.ts';

export interface BackupOptions {
  /**
   * How long the backup waits for sorting or another backup that is under way, in ms. Default
   * 60,000.
   */
  readonly lockTimeoutMs?: number;
  /** Files, time, randomness; default: those of Node.js. */
  readonly platform?: Platform;
}

/** What a backup holds. */
export interface BackupSummary {
  readonly files: number;
  readonly bytes: number;
}

const attemptsMax = 20;

/**
 * Copies the data directory to `target`, which must be empty or missing, while jobs run in it. The
 * copy holds everything that was acknowledged before the call, and nothing half; it can be opened
 * once this resolves. A failure leaves the target empty.
 *
 * Fails with `DIRECTORY` (no data, or a target that is not empty), `IO` or `DISK_FULL` (the target
 * can't be written), `LOCK_TIMEOUT`, or as opening the directory does.
 *
 * @example
 * const { bytes } = await backup('./data', '/mnt/backups/monday');
 */
export async function backup(
  directory: string,
  target: string,
  options: BackupOptions = {},
): Promise<BackupSummary> {
  checkOptions('backup()', options, ['lockTimeoutMs', 'platform']);
  checkNumbers('backup()', options, ['lockTimeoutMs']);
  const platform = options.platform ?? nodePlatform();
  try {
    const log = await beginCopy(platform, directory, target, options.lockTimeoutMs ?? 60_000);
    try {
      return await copyAll(platform, directory, target, log);
    } catch (error) {
      log.abandon();
      throw error;
    } finally {
      log.close();
    }
  } finally {
    if (options.platform === undefined) await platform.background.close();
  }
}

async function copyAll(
  platform: Platform,
  directory: string,
  target: string,
  log: LogCopy,
): Promise<BackupSummary> {
  const states = await pinAndCut(platform, directory, log);
  const copied: CopySummary[] = [];
  try {
    for (const state of states) copied.push(await copyState(platform, target, state));
  } finally {
    unpin(states);
  }
  copied.push(await log.write());
  log.finish();
  return {
    files: copied.reduce((sum, { files }) => sum + files, 0),
    bytes: copied.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** A state file as it was when it was pinned. */
interface PinnedState {
  /** Inside the data directory. */
  readonly name: string;
  readonly task: string;
  readonly foldedOffset: number;
  readonly database: Database.Database;
}

async function pinAndCut(
  platform: Platform,
  directory: string,
  log: LogCopy,
): Promise<PinnedState[]> {
  for (let attempt = 1; ; attempt++) {
    const states = pinStates(platform, directory);
    try {
      log.takeCut();
      const task = taskBehind(log, states);
      if (task === undefined) return states;
      if (attempt === attemptsMax) throw behindChangelog(directory, task);
    } catch (error) {
      unpin(states);
      throw error;
    }
    unpin(states);
    await new Promise<void>((resolve) => platform.clock.soon(resolve));
  }
}

/** A task whose changelog begins behind what its pinned state holds. */
function taskBehind(log: LogCopy, states: readonly PinnedState[]): string | undefined {
  const folded = new Map(states.map(({ task, foldedOffset }) => [task, foldedOffset]));
  return log.tasks.find((task) => (log.startOf(changelogOf(task)) ?? 0) > (folded.get(task) ?? 0));
}

function pinStates(platform: Platform, directory: string): PinnedState[] {
  const { files } = platform;
  const states: PinnedState[] = [];
  try {
    for (const job of files.list(`${directory}/state`)) {
      for (const file of files.list(`${directory}/state/${job}`)) {
        if (!file.endsWith('.db')) continue;
        const state = pin(platform, directory, `state/${job}/${file}`);
        if (state !== undefined) states.push(state);
      }
    }
    return states;
  } catch (error) {
    unpin(states);
    throw error;
  }
}

/** Undefined for a file that is just being made: it holds nothing. */
function pin(platform: Platform, directory: string, name: string): PinnedState | undefined {
  const path = `${directory}/${name}`;
  const database = platform.openDatabase(path, { durable: true });
  try {
    const foldedOffset = withSqliteErrors(path, () => {
      database.exec('BEGIN');
      return foldedOffsetOf(database); // the first read pins
    });
    const task = name.slice(name.lastIndexOf('/') + 1, -'.db'.length);
    if (foldedOffset !== undefined) return { name, task, foldedOffset, database };
  } catch (error) {
    database.close();
    throw error;
  }
  database.close();
  return undefined;
}

function foldedOffsetOf(database: Database.Database): number | undefined {
  const tables = database.prepare("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").pluck();
  if (tables.get() === 0) return undefined;
  const folded = database.prepare("SELECT value FROM meta WHERE key = 'folded_offset'").pluck();
  return Number(folded.get() ?? 0);
}

function unpin(states: readonly PinnedState[]): void {
  for (const { database } of states) database.close(); // which ends the transaction
}

async function copyState(
  platform: Platform,
  target: string,
  { name, database }: PinnedState,
): Promise<CopySummary> {
  const { files } = platform;
  const path = `${target}/${name}`;
  files.makeDirectory(dirname(path));
  files.syncDirectory(`${target}/state`);
  await platform.copyDatabase(database, path);
  files.syncDirectory(dirname(path));
  platform.failpoint('backup.stored');
  return { files: 1, bytes: files.sizeOf(path) ?? 0 };
}

function behindChangelog(directory: string, task: string): MillraceError {
  return new MillraceError(
    'FILE_MISMATCH',
    `The state file of task "${task}" in ${directory} is missing, or behind the start of the ` +
      `changelog ${changelogOf(task)}. Start its job to see which file to put back.`,
  );
}
