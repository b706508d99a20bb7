/** What every step can have: a name. */
import { MillraceError } from '../platform/index.ts';

/** A name for a step: errors and metrics show it, and the state of a step is kept under it. */
export interface StepOptions {
  readonly name?: string;
}

/** Fails with `INVALID`. */
export function checkStepName(job: string, name: string | undefined): void {
  if (name === undefined || /^[a-zA-Z0-9._-]{1,200}$/.test(name)) return;
  throw new MillraceError(
    'INVALID',
    `Job "${job}": a step can't be named ${JSON.stringify(name)}: use 1 to 200 letters, ` +
      `digits, dots, underscores or hyphens.`,
  );
}

export function nameOf({ name }: StepOptions): StepOptions {
  return name === undefined ? {} : { name };
}
