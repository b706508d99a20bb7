/**
 * The file layer on node:fs. Failures of the operating system become `DISK_FULL` or `IO`, with the
 * path, what was tried, and what helps.
 */
import fs from 'node:fs';
import { fileSystemKind } from './file-system-kind.ts';
import type { File, FileSystem, OpenMode } from './files.ts';
import { fileFailure, syncFailure } from './io-errors.ts';

const flags = { read: 'r', write: 'r+', create: 'wx+' } as const satisfies Record<OpenMode, string>;

export function nodeFileSystem(): FileSystem {
  return {
    open: (path, mode) => new NodeFile(path, mode),
    exists: (path) => fs.existsSync(path),
    sizeOf: (path) => attempt('look at', path, () => statOf(path)?.size),
    list,
    makeDirectory: (path) =>
      attempt('make the directory', path, () => void fs.mkdirSync(path, { recursive: true })),
    rename: (from, to) => attempt(`rename to ${to}`, from, () => fs.renameSync(from, to)),
    remove: (path) =>
      attempt('remove', path, () => fs.rmSync(path, { recursive: true, force: true })),
    syncDirectory,
    modifiedAt: (path) => attempt('look at', path, () => statOf(path)?.mtimeMs),
    kindOf: (path) => attempt('look at the file system of', path, () => fileSystemKind(path)),
    watch,
  };
}

class NodeFile implements File {
  readonly #path: string;
  readonly #descriptor: number;

  constructor(path: string, mode: OpenMode) {
    this.#path = path;
    this.#descriptor = attempt('open', path, () => fs.openSync(path, flags[mode]));
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    try {
      return fs.readSync(this.#descriptor, target, targetOffset, length, position);
    } catch (error) {
      throw fileFailure('read', this.#path, error);
    }
  }

  /** The system may write less than asked before it reports that the disk is full. */
  write(bytes: Uint8Array, position: number): void {
    try {
      let written = 0;
      while (written < bytes.length) {
        const left = bytes.length - written;
        written += fs.writeSync(this.#descriptor, bytes, written, left, position + written);
      }
    } catch (error) {
      throw fileFailure('write to', this.#path, error);
    }
  }

  sync(): void {
    try {
      fs.fdatasyncSync(this.#descriptor);
    } catch (error) {
      throw syncFailure(this.#path, error);
    }
  }

  size(): number {
    return attempt('look at', this.#path, () => fs.fstatSync(this.#descriptor).size);
  }

  truncate(size: number): void {
    attempt('truncate', this.#path, () => fs.ftruncateSync(this.#descriptor, size));
  }

  close(): void {
    attempt('close', this.#path, () => fs.closeSync(this.#descriptor));
  }
}

/** A file's, or undefined where there is no file. */
function statOf(path: string): fs.Stats | undefined {
  const stats = fs.statSync(path, { throwIfNoEntry: false });
  return stats?.isFile() === true ? stats : undefined;
}

function list(path: string): string[] {
  return attempt('list', path, () => (fs.existsSync(path) ? fs.readdirSync(path).sort() : []));
}

/** Windows can't open directories, and makes names durable by itself. */
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const descriptor = attempt('open the directory', path, () => fs.openSync(path, 'r'));
  try {
    fs.fsyncSync(descriptor);
  } catch (error) {
    throw syncFailure(path, error);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Where watching fails it falls silent: whoever watches also polls. */
function watch(path: string, onChange: () => void): { close(): void } {
  try {
    const watcher = fs.watch(path, { persistent: false }, onChange);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return { close: () => {} };
  }
}

function attempt<Result>(action: string, path: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw fileFailure(action, path, error);
  }
}
