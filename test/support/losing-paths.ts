/** Paths and errors of the losing file system, as node:fs would have them. */
import { fileFailure } from '../../src/platform/io-errors.ts';

/** The names on the way to a file. */
export function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** What a `FileSystem` throws for an error code of the operating system. */
export function failure(action: string, path: string, code: string): Error {
  return fileFailure(action, path, Object.assign(new Error(code), { code }));
}
