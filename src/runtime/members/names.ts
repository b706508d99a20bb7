/**
 * What the members of a job claim besides tasks of the job. A slash is in no name of a job, task or
 * topic, and a redrive or a replay of the job ends in something else (`<job>/<topic>/redrive`).
 */

/** The place of member `index` among the members of a job. */
export function memberPlaceOf(job: string, index: number): string {
  return `${job}/members/${index}`;
}
