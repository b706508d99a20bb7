/** Paths and errors of the losing file system, as node:fs would have them. */
import { fileFailure, syncFailure } from '../../src/platform/io-errors.ts';

/** The names on the way to a file. */
export function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** What a `FileSystem` throws for an error code of the operating system. */
export function failure(action: string, path: string, code: string): Error {
  return fileFailure(action, path, Object.assign(new Error(code), { code }));
}

/** What node:fs would have an operation fail with that was planned to. */
export function faultOf(operation: string, path: string, code: string): Error {
  if (operation === 'sync' || operation === 'syncDirectory') {
    return syncFailure(path, Object.assign(new Error(code), { code }));
  }
  return failure(operation === 'write' ? 'write to' : operation, path, code);
}
