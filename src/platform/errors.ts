/**
 * The one class of operating failures, and the two ways to state what must hold.
 *
 * A mistake in building a job is also a MillraceError, thrown from the call that was wrong. A bug
 * is an assertion. docs/errors.md lists the codes with their remedies.
 */

/** What went wrong; stable, meant for programs. docs/errors.md explains each. */
export type ErrorCode =
  /** A call, option, graph or name that can never work; the message says what to write instead. */
  | 'INVALID'
  /** A topic that does not exist. */
  | 'TOPIC_MISSING'
  /** A topic that exists already. */
  | 'TOPIC_EXISTS'
  /** An offset before the log's start or beyond its end. */
  | 'OFFSET_OUT_OF_RANGE'
  /** A key or value that a codec can't encode, or would not give back as it was. */
  | 'ENCODE'
  /** Bytes that a codec can't decode. */
  | 'DECODE'
  /** A function of the job threw. */
  | 'USER_FUNCTION'
  /** Another member has claimed the task since: this one must stop. */
  | 'FENCED'
  /** The task is held by a live process. */
  | 'TASK_HELD'
  /** The state on disk does not fit the job. */
  | 'STATE_MISMATCH'
  /** A job that is to do again what it did does something else. */
  | 'NOT_REPEATABLE'
  /** Bytes that were acknowledged are damaged; the message names file and byte. */
  | 'DAMAGED'
  /** A file is older than the others, missing, or from another directory. */
  | 'FILE_MISMATCH'
  /** The data directory can't be used: newer format, read-only, network file system. */
  | 'DIRECTORY'
  /** A query took longer than it may. */
  | 'TIMEOUT'
  /** Another process keeps the journal's lock, or a database locked. */
  | 'LOCK_TIMEOUT'
  /** No space left; nothing was committed. */
  | 'DISK_FULL'
  /** The operating system refused a read, write or sync. */
  | 'IO'
  /** A commit ended in a way that leaves its outcome unknown. */
  | 'OUTCOME_UNKNOWN'
  /** Used after close. */
  | 'CLOSED'
  /** The Node.js that runs this is too old. */
  | 'NODE_VERSION';

export interface ErrorOptions {
  readonly cause?: unknown;
  /** Whether the same call can succeed later without anything being changed. Default false. */
  readonly retryable?: boolean;
}

/**
 * Every failure that Millrace reports: a stable `code`, the `cause` kept, and whether a retry can
 * help.
 */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** Whether `error` is a MillraceError, with this code if one is given. */
export function isMillraceError(error: unknown, code?: ErrorCode): error is MillraceError {
  return error instanceof MillraceError && (code === undefined || error.code === code);
}

/** Causes that are looked at: a chain of them may be a circle. */
const causesMax = 16;

/** Something did not hold that must. */
class BugError extends Error {}

/** Whether `error`, or what caused it, is a violated assertion. */
export function isBug(error: unknown): boolean {
  let of: unknown = error;
  for (let depth = 0; of instanceof Error && depth < causesMax; depth++) {
    if (of instanceof BugError) return true;
    of = of.cause;
  }
  return false;
}

/** States what must hold; a violation is a bug in Millrace and stops the job. */
export function assert(condition: boolean, whatMustHold: string): asserts condition {
  if (!condition) throw new BugError(`Bug in Millrace: it must hold that ${whatMustHold}.`);
}

/** Ends a switch over a union: compiles only if every case was handled. */
export function unreachable(value: never): never {
  throw new BugError(`Bug in Millrace: unhandled case ${JSON.stringify(value)}.`);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
