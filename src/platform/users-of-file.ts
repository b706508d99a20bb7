/**
 * Which other processes have a file open, for messages: whoever keeps a database locked is one of
 * them. Known on Linux only, and only of processes that this user may look at.
 */
import fs from 'node:fs';
import { basename } from 'node:path';

/** Such as `sqlite3 counting-0.db (process 4711)`; empty where nothing is known. */
export function usersOfFile(path: string): string[] {
  const file = orElse(() => fs.realpathSync(path), path);
  return orElse(() => fs.readdirSync('/proc'), [])
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => isOpenIn(pid, file))
    .map((pid) => `${nameOf(pid)} (process ${pid})`);
}

function isOpenIn(pid: string, file: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return orElse(() => fs.readdirSync(folder), []).some(
    (descriptor) => orElse(() => fs.readlinkSync(`${folder}/${descriptor}`), '') === file,
  );
}

/** The program and its first argument, for many a tool is a script of Node.js or Python. */
function nameOf(pid: string): string {
  const line = orElse(() => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8'), '');
  const words = line.split('\0', 2).map((word) => basename(word.trim()));
  return words.join(' ').trim() || 'unknown';
}

/** What was there a moment ago may be gone, or none of this user's business. */
function orElse<Value>(read: () => Value, otherwise: Value): Value {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
