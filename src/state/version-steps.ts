/**
 * Bytes of an older version, brought to the newest: decoded, migrated and encoded once for each
 * step, so that several steps at once give what one at a time gives.
 */
import type { Codec, Version } from '../formats/index.ts';
import { type ErrorCode, isMillraceError, MillraceError, messageOf } from '../platform/index.ts';
import type { KeyFormat } from './stores.ts';

export type Part = 'value' | 'key' | 'item';

const words: Readonly<Record<Part, string>> = { value: 'a value', key: 'a key', item: 'an item' };

interface Step {
  /** The version that it leaves. */
  readonly from: number;
  readonly before: Codec<unknown>;
  readonly after: Version;
}

export class VersionSteps {
  readonly #state: string;
  readonly #part: Part;
  readonly #steps: readonly Step[];

  /** `recorded`: the version of the bytes. */
  constructor(state: string, part: Part, { versions = [] }: KeyFormat, recorded: number) {
    this.#state = state;
    this.#part = part;
    this.#steps = versions.slice(recorded).flatMap((after, i) => {
      const before = versions[recorded + i - 1];
      return before === undefined ? [] : [{ from: recorded + i, before: before.codec, after }];
    });
  }

  get isNeeded(): boolean {
    return this.#steps.length > 0;
  }

  /** `where` says whose bytes they are, for errors. */
  apply(bytes: Uint8Array, where: () => string): Uint8Array {
    let newest = bytes;
    for (const step of this.#steps) newest = this.#take(step, newest, where);
    return newest;
  }

  #take({ from, before, after }: Step, bytes: Uint8Array, where: () => string): Uint8Array {
    const attempt = <Result>(code: ErrorCode, run: () => Result): Result => {
      try {
        return run();
      } catch (error) {
        throw this.#failure(from, where(), code, error);
      }
    };
    const value = attempt('DECODE', () => before.decode(bytes, 0, bytes.length));
    const next = attempt('USER_FUNCTION', () => after.migrate(value));
    return attempt('ENCODE', () => after.codec.encode(next));
  }

  #failure(from: number, where: string, code: ErrorCode, cause: unknown): MillraceError {
    return new MillraceError(
      isMillraceError(cause) ? cause.code : code,
      `State "${this.#state}": version ${from} of ${words[this.#part]} can't be brought to ` +
        `version ${from + 1}: ${messageOf(cause)} (${where}). Nothing was changed, and a job ` +
        `with version ${from} goes on. Correct that step of versions(), and start the job again.`,
      { cause },
    );
  }
}
