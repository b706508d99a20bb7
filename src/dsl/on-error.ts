/** What a job does with a record that fails: `onError` of `job()` and `from()`. */
import { MillraceError } from '../platform/index.ts';
import {
  checkOptions,
  checkTopicName,
  type Duration,
  durationMs,
  type ErrorPolicy,
} from '../runtime/index.ts';

/** A topic that takes what fails, with the reasons; made where it is missing. */
export interface DeadLetters {
  readonly deadLetters: string;
}

/** The record is tried again, for functions that fail for a while. */
export interface Retry {
  readonly retry: {
    /** How many more times, at least 1. */
    readonly times: number;
    /** The first pause; each one is twice as long, up to a minute. Default `'1s'`. */
    readonly backOff?: Duration;
  };
  /** Where it still fails. Default `'fail'`. */
  readonly otherwise?: 'fail' | 'skip' | DeadLetters;
}

/**
 * What happens where a record fails: the job fails (`'fail'`), or goes on without it (`'skip'`,
 * which is counted), or sends it to a topic of dead letters; after trying it again, if it says so.
 * In each case nothing is left of what the record did before it failed.
 */
export type OnError = 'fail' | 'skip' | DeadLetters | Retry;

/** Undefined: the job fails. Fails with `INVALID`, naming `where`. */
export function errorPolicyOf(onError: OnError, where: string): ErrorPolicy | undefined {
  if (onError === 'fail') return undefined;
  if (typeof onError !== 'object' || onError === null || !('retry' in onError)) {
    return { retry: undefined, otherwise: lastOf(onError, where) };
  }
  checkOptions(where, onError, ['retry', 'otherwise']);
  const retry = retryOf(onError.retry, where);
  return { retry, otherwise: lastOf(onError.otherwise ?? 'fail', where) };
}

/** Fails with `INVALID`, naming `where`. */
export function retryOf(retry: Retry['retry'], where: string): NonNullable<ErrorPolicy['retry']> {
  checkOptions(`retry of ${where}`, retry, ['times', 'backOff']);
  const { times, backOff = '1s' } = retry;
  if (!Number.isInteger(times) || times < 1) {
    throw new MillraceError(
      'INVALID',
      `retry of ${where}: times can't be ${times}: it takes a whole number from 1 on.`,
    );
  }
  return { times, backOffMs: durationMs(backOff, `backOff of ${where}`) };
}

function lastOf(otherwise: 'fail' | 'skip' | DeadLetters, where: string): ErrorPolicy['otherwise'] {
  if (otherwise === 'fail' || otherwise === 'skip') return otherwise;
  if (typeof otherwise?.deadLetters === 'string') {
    checkOptions(where, otherwise, ['deadLetters']);
    checkTopicName(otherwise.deadLetters);
    return { deadLetters: otherwise.deadLetters };
  }
  throw new MillraceError(
    'INVALID',
    `${where} can't be ${JSON.stringify(otherwise)}: use 'fail', 'skip', ` +
      `{ deadLetters: 'a-topic' } or { retry: { times: 3, backOff: '1s' }, otherwise: ... }.`,
  );
}
