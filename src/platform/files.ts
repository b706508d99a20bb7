/**
 * The file layer: everything the engine does with files, except SQLite, goes through these two
 * interfaces.
 *
 * They are synchronous, because the journal is (a commit has no await in it), and small, because
 * tests replace them by a layer that forgets what was not synced, and fails on demand. Paths are
 * the platform's own; callers join them with `/`.
 */

/** An open file. Positions and lengths are bytes. */
export interface File {
  /**
   * Reads up to `length` bytes into `target` at `targetOffset`; returns how many there were (0 at
   * the end).
   */
  read(target: Uint8Array, targetOffset: number, length: number, position: number): number;
  /**
   * Writes all of `bytes` at `position`, or throws: `DISK_FULL` or `IO`. A failed write may leave
   * some of the bytes in the file.
   */
  write(bytes: Uint8Array, position: number): void;
  /**
   * Makes what was written durable (fdatasync). After a failure the file must not be believed:
   * reopen it.
   */
  sync(): void;
  size(): number;
  truncate(size: number): void;
  close(): void;
}

/** How a file is opened: to read; to read and write; or made, which fails where it exists. */
export type OpenMode = 'read' | 'write' | 'create';

/** Where a directory is; only `local` keeps what Millrace promises. */
export type FileSystemKind = 'local' | 'network' | 'read-only';

export interface FileSystem {
  open(path: string, mode: OpenMode): File;
  exists(path: string): boolean;
  /** Bytes, or undefined where there is no such file. */
  sizeOf(path: string): number | undefined;
  /** Names in a directory, sorted; empty where there is no such directory. */
  list(path: string): string[];
  /** Makes a directory and its missing parents. Durable only once each parent is synced. */
  makeDirectory(path: string): void;
  rename(from: string, to: string): void;
  /** Removes a file or a directory with all that is in it; does nothing where there is none. */
  remove(path: string): void;
  /** Makes names in a directory durable: new files, renames, removals. */
  syncDirectory(path: string): void;
  /** Time of the last write, in ms since the epoch; undefined where there is no such file. */
  modifiedAt(path: string): number | undefined;
  /**
   * What the file or directory at `path` is on. A file system that can't be told apart counts as
   * local.
   */
  kindOf(path: string): FileSystemKind;
  /**
   * Calls `onChange` after something in the file or directory changed, perhaps late, perhaps too
   * often.
   */
  watch(path: string, onChange: () => void): { close(): void };
}
