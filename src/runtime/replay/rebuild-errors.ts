/** What all refusals to do again what a job did have in common. */
import { MillraceError } from '../../platform/index.ts';

/** Who wants it done again, and what to do where that can't be. */
export interface Purpose {
  readonly job: string;
  /** The beginning of a sentence: `The state of task "t" can't be rebuilt`. */
  readonly cannot: string;
  /** The end of one. */
  readonly instead: string;
}

export function rebuildOf(job: string, task: string): Purpose {
  return {
    job,
    cannot: `The state of task "${task}" can't be rebuilt`,
    instead:
      'put the right state file back, restore the whole directory from one backup, or give the ' +
      'job another name to begin anew.',
  };
}

export function replayOf(job: string): Purpose {
  return {
    job,
    cannot: `What job "${job}" wrote can't be written again as recorded`,
    instead:
      'replay the records that are there, not as recorded: windows then close by event time alone.',
  };
}

/** `what`: a sentence that says where the job differs. */
export function notRepeatable(
  { job, instead }: Purpose,
  what: string,
  cause?: unknown,
): MillraceError {
  return new MillraceError(
    'NOT_REPEATABLE',
    `Job "${job}" does not do again what it did: ${what} Run the job as it was then; or ${instead}`,
    { cause },
  );
}
