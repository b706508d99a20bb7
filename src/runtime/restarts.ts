/** When a job or a connector begins again after a failure. */
import { isMillraceError } from '../platform/index.ts';

/** What may be otherwise next time: a full disk, a lock, a commit whose outcome the log knows. */
export function canPass(error: unknown): boolean {
  return isMillraceError(error) && (error.retryable || error.code === 'OUTCOME_UNKNOWN');
}

const firstMs = 1000;
const maxMs = 60_000;
/** What ran this long without a failure begins with the first pause again. */
const resetMs = 5 * 60_000;

/** Pauses before restarts, in ms: each twice the one before. */
export class RestartPauses {
  #nextMs = firstMs;

  /** The pause after a run that failed, and had lasted `ranMs`. */
  after(ranMs: number): number {
    const pauseMs = ranMs > resetMs ? firstMs : this.#nextMs;
    this.#nextMs = Math.min(2 * pauseMs, maxMs);
    return pauseMs;
  }
}
