/**
 * Runs the function of one `mapAsync` step: each call until it is answered, with its time limit and
 * its further tries. Nothing of this is state: whoever opens the task again asks again what was not
 * answered.
 */
import type { Codec } from '../../formats/index.ts';
import {
  type Cancellable,
  type Clock,
  isMillraceError,
  MillraceError,
  messageOf,
  pause,
} from '../../platform/index.ts';
import { backOffAfter } from '../back-off.ts';
import type { MapAsyncNode } from '../graph.ts';
import type { Answer, Outcome } from './answer.ts';

export interface CallerOptions {
  readonly clock: Clock;
  readonly node: MapAsyncNode;
  /** The identity of the step. */
  readonly step: string;
  /** Told when there is an answer to take. */
  onAnswer(): void;
}

export class Caller {
  readonly #options: CallerOptions;
  /** Told to end; by call. */
  readonly #running = new Map<number, AbortController>();
  #answers: Answer[] = [];
  #isClosed = false;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /** Whether no more may be asked now. */
  get isBusy(): boolean {
    return this.#running.size >= this.#options.node.capacity;
  }

  get hasAnswers(): boolean {
    return this.#answers.length > 0;
  }

  ask(call: number, input: unknown): void {
    const stopped = new AbortController();
    this.#running.set(call, stopped);
    const bytes = this.#options.node.inputCodec.encode(input);
    void this.#outcomeOf(bytes, stopped.signal).then((outcome) => {
      if (this.#isClosed) return;
      this.#running.delete(call);
      this.#answers.push({ step: this.#options.step, call, outcome });
      this.#options.onAnswer();
    });
  }

  /** The answers since the last time, in the order in which they came. */
  take(): readonly Answer[] {
    const answers = this.#answers;
    this.#answers = [];
    return answers;
  }

  /** Aborts what is under way; what comes of it counts for nothing. */
  close(): void {
    this.#isClosed = true;
    for (const stopped of this.#running.values()) stopped.abort(new Error('the job has stopped'));
    this.#running.clear();
  }

  /** Never rejects. */
  async #outcomeOf(input: Uint8Array, stopped: AbortSignal): Promise<Outcome> {
    const { retry, resultCodec } = this.#options.node;
    for (let tries = 1; ; tries++) {
      try {
        const value = await this.#try(input, stopped);
        return { kind: 'result', bytes: encodeResult(resultCodec, value) };
      } catch (error) {
        const isLast = retry === undefined || tries > retry.times;
        if (isLast || isMillraceError(error, 'ENCODE')) return failureOf(error);
        await pause(this.#options.clock, backOffAfter(tries, retry.backOffMs), stopped);
        if (stopped.aborted) return failureOf(stopped.reason);
      }
    }
  }

  async #try(input: Uint8Array, stopped: AbortSignal): Promise<unknown> {
    const { clock, node } = this.#options;
    const given = node.inputCodec.decode(input, 0, input.length); // the function may change it
    const ended = new AbortController();
    let timer: Cancellable | undefined;
    const onStop = () => ended.abort(stopped.reason);
    stopped.addEventListener('abort', onStop);
    try {
      const aborted = new Promise<never>((_, reject) => {
        ended.signal.addEventListener('abort', () => reject(ended.signal.reason));
      });
      if (node.timeoutMs < Number.POSITIVE_INFINITY) {
        timer = clock.after(node.timeoutMs, () => ended.abort(timedOut(node.timeoutMs)));
      }
      aborted.catch(() => {}); // where the function itself throws
      return await Promise.race([node.map(given, { signal: ended.signal }), aborted]);
    } finally {
      timer?.cancel();
      stopped.removeEventListener('abort', onStop);
    }
  }
}

function encodeResult(codec: Codec<unknown>, value: unknown): Uint8Array {
  if (value === undefined) {
    throw new MillraceError(
      'ENCODE',
      'the function returned undefined: return null where there is no answer',
    );
  }
  return codec.encode(value);
}

function timedOut(timeoutMs: number): MillraceError {
  return new MillraceError('USER_FUNCTION', `no answer came within ${timeoutMs} ms`);
}

function failureOf(error: unknown): Outcome {
  const code = isMillraceError(error) ? error.code : 'USER_FUNCTION';
  return { kind: 'failure', failure: { code, message: messageOf(error), cause: error } };
}
