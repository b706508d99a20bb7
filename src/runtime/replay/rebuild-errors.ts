/** What all refusals to rebuild state have in common. */
import { MillraceError } from '../../platform/index.ts';

/** What to do where state can't be rebuilt. */
export const instead: string =
  'put the right state file back, restore the whole directory from one backup, or give the job ' +
  'another name to begin anew.';

/** `what`: a sentence that says where the job differs. */
export function notRepeatable(job: string, what: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'NOT_REPEATABLE',
    `Job "${job}" does not do again what it did: ${what} Run the job as it was then; or ${instead}`,
    { cause },
  );
}
