/**
 * What the engine takes from outside: files, locks, time, randomness, SQLite, scheduling, work in
 * the background.
 *
 * Nothing in the engine calls Date.now(), Math.random(), setTimeout or fs by itself. Tests, replay
 * and simulation depend on it: they pass a platform of their own.
 */
import type Database from 'better-sqlite3';
import type { Failpoint } from './failpoints.ts';
import type { FileSystem } from './files.ts';

/** Something that can be cancelled; cancelling twice is harmless. */
export interface Cancellable {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, ms since the epoch. It may jump. */
  now(): number;
  /** A clock that never goes back, in ms with fractions; its zero has no meaning. */
  monotonicMs(): number;
  /** Calls `run` once, after `delayMs`. */
  after(delayMs: number, run: () => void): Cancellable;
  /** Calls `run` after the events that are already waiting. */
  soon(run: () => void): void;
}

/** A lock between processes; the operating system frees it when its holder dies. Not reentrant. */
export interface ProcessLock {
  /** Takes the lock if it is free; returns at once. */
  tryAcquire(): boolean;
  release(): void;
  close(): void;
}

export interface ProcessInfo {
  readonly pid: number;
  readonly host: string;
  /**
   * When it started, in ms of a clock that no other process of this host sets back: together with
   * `pid` it tells a process from one that had its id before.
   */
  readonly startedAtMs: number;
  /** What this process may take, in bytes: what its container or machine has, or its heap may. */
  readonly memoryBytesMax: number;
  /** Whether a process with this id runs on this host. */
  isAlive(pid: number): boolean;
}

/** A function that runs outside the main thread: the exported `name` of the module at `url`. */
export interface BackgroundCall {
  readonly url: string;
  readonly name: string;
  readonly argument: unknown;
  /**
   * Calls for the log run one after another. Those for state run beside them, and go on in turns
   * where they await something: nothing of the log waits for a fold, and no fold for another one
   * that waits. Default `log`.
   */
  readonly lane?: 'log' | 'state';
  /** Buffers inside `argument` that are handed over rather than copied: the caller loses them. */
  readonly transfer?: readonly ArrayBuffer[];
  /** Told what the function reports while it runs: a copy, in its order, before the result. */
  readonly onReport?: (report: unknown) => void;
}

/** Runs calls away from the main thread. */
export interface Background {
  run<Result>(call: BackgroundCall): Promise<Result>;
  /** The name of a call under way. */
  readonly running: string | undefined;
  close(): Promise<void>;
}

export interface Platform {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly process: ProcessInfo;
  readonly background: Background;
  /** Cryptographic random bytes, for ids. */
  randomBytes(length: number): Uint8Array;
  /** The lock that lives in the file `path`; the file is made where it is missing. */
  openLock(path: string): ProcessLock;
  /**
   * A read-write connection, durable at each commit where `durable`; makes the file where it is
   * missing.
   */
  openDatabase(path: string, options: { readonly durable: boolean }): Database.Database;
  /**
   * Copies a database into the file `path`, which must not exist, as the connection sees it: with a
   * read transaction open, as of that. The bytes are durable afterwards, the name is not.
   */
  copyDatabase(database: Database.Database, path: string): Promise<void>;
  /** Named steps at which tests crash the program; nothing happens in production. */
  failpoint(name: Failpoint): void;
}
