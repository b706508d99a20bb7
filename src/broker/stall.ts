/** The slowest answer of a committer, and where its time went. */

/** When a request came and how far it got, in ms of the monotonic clock. */
export interface AnswerTimes {
  /** The oldest request of the entry was handed in. */
  readonly since: number;
  /** The lock was asked for in vain, first; undefined where it was free at once. */
  readonly refused: number | undefined;
  /** The committer began with the entry. */
  readonly began: number;
  readonly answered: number;
  /** How much of it was spent in fdatasync. */
  readonly syncMs: number;
}

export interface Stall {
  readonly ms: number;
  readonly cause: string;
}

export const noStall: Stall = { ms: 0, cause: 'nothing was committed yet' };

/** `running`: what runs in the background meanwhile. */
export function stallOf(times: AnswerTimes, running: string | undefined): Stall {
  const { since, refused, began, answered, syncMs } = times;
  const lockMs = refused === undefined ? 0 : began - refused;
  const parts: readonly (readonly [what: string, ms: number])[] = [
    ['fdatasync', syncMs],
    ['another process held the lock', lockMs],
    ['the event loop was busy', began - since - lockMs],
    ['preparing and writing the entry', answered - began - syncMs],
  ];
  const [what, ms] = parts.reduce((most, part) => (part[1] > most[1] ? part : most));
  const beside = running === undefined ? '' : `, while ${running} ran in the background`;
  return { ms: answered - since, cause: `${what} (${Math.round(ms * 10) / 10} ms)${beside}` };
}
