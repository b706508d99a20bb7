/** What the operating system's errors mean, and what helps. */
import { MillraceError, messageOf } from './errors.ts';

const remedies: Readonly<Record<string, string>> = {
  EROFS: 'The file system is read-only: make it writable, or choose another directory.',
  EACCES: 'This user may not: change the permissions, or choose another directory.',
  EPERM: 'This user may not: change the permissions, or choose another directory.',
  ENOENT: 'There is no such file or directory.',
  EEXIST: 'It exists already.',
  ENOTDIR: 'A part of the path is a file.',
  EMFILE: 'This process has too many files open: raise its limit (ulimit -n).',
  ENFILE: 'The system has too many files open.',
  EIO: 'The disk failed: look at its health before anything else.',
};

/** `DISK_FULL` or `IO` for what `action` on the file met. */
export function fileFailure(action: string, path: string, cause: unknown): MillraceError {
  const code = codeOf(cause);
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(action, path, cause);
  const remedy = remedies[code] ?? messageOf(cause);
  return new MillraceError('IO', `Can't ${action} ${path} (${code}). ${remedy}`, { cause });
}

/**
 * `IO`, whatever the reason, and never retryable: after a failed sync pages may be clean and lost,
 * so the next one would succeed and mean nothing.
 */
export function syncFailure(path: string, cause: unknown): MillraceError {
  const message = `Can't sync ${path} (${codeOf(cause)}), so it is unknown what of it is on disk.`;
  return new MillraceError('IO', `${message} Look at the disk, then open the directory again.`, {
    cause,
  });
}

/** A retry helps once there is space: nothing was committed. */
export function diskFull(action: string, path: string, cause: unknown): MillraceError {
  const message = `Can't ${action} ${path}: the disk is full. Free some space, and go on.`;
  return new MillraceError('DISK_FULL', message, { cause, retryable: true });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'no code';
}
