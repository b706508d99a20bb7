/**
 * The names of tasks, and of what else the members of a job claim.
 *
 * Names of jobs have letters, digits, dots, underscores and hyphens, and so may a name that is made
 * of one, where it names a topic or file too. So the parts of a task's name are told apart by where
 * they stand: behind the last hyphen there is `0`, or three numbers with dots.
 */

/** A task of a job that is run by several. */
export interface StageTask {
  readonly job: string;
  /** Counts the layouts that the job has had, from 1. */
  readonly generation: number;
  readonly stage: number;
  readonly index: number;
}

/** Such as `word-count-1.0.3`; a job with one task has `word-count-0`. */
export function stageTaskOf({ job, generation, stage, index }: StageTask): string {
  return `${job}-${generation}.${stage}.${index}`;
}

/** Undefined for what is no task of a job: connectors, replays, places of members. */
export function jobOfTask(task: string): string | undefined {
  return /^([^/]+)-(?:0|\d+\.\d+\.\d+)$/.exec(task)?.[1];
}

/**
 * The place of member `index` among the members of a job. A slash is in no name of a job, a task or
 * a topic, and other tasks with slashes begin or end otherwise (`<job>/<topic>/redrive`).
 */
export function memberPlaceOf(job: string, index: number): string {
  return `${job}/members/${index}`;
}
