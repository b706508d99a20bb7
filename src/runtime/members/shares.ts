/**
 * Who should run which task of a job. Nobody assigns: each member works this out from what it sees
 * in the log, and does its own part. Members that see the same come to the same result. Those that
 * see something else may both want a task, and then the log refuses one of them: nothing but speed
 * depends on what is worked out here.
 *
 *   quota     tasks / members, and one more for as many members as there are tasks left over
 *   give up   what a member runs beyond its quota
 *   claim     tasks that nobody runs, dealt to the members that are below theirs
 *
 * - **Fair**: once nobody has anything to do, loads differ by one at most.
 * - **Sticky**: no task moves whose owner lives and is within its quota, and the quotas are those
 *   with which the fewest move. They stay the same while members do their parts, in any order:
 *   otherwise a member that looks between two steps of another would give up more than it has to.
 */

/** A task as one member sees it. */
export interface SharedTask {
  readonly task: string;
  readonly stage: number;
  /**
   * Who runs it or is about to; undefined where it is free: never claimed, released, or held by
   * somebody who is dead.
   */
  readonly owner: string | undefined;
  /** Its owner is giving it up: members know that of their own tasks only. */
  readonly isEnding?: boolean;
}

export interface JobView {
  readonly me: string;
  /** Those that live, with `me`. */
  readonly members: readonly string[];
  /** All tasks of the job, in an order that is the same for all members. */
  readonly tasks: readonly SharedTask[];
}

export interface Moves {
  readonly claim: readonly string[];
  /** With those that are ending already. */
  readonly giveUp: readonly string[];
}

interface Share {
  readonly member: string;
  readonly tasks: SharedTask[];
  quota: number;
}

/** What `me` should do now. Nothing as long as it is not one of the members. */
export function movesOf({ me, members, tasks }: JobView): Moves {
  const shares = sharesOf(members, tasks);
  const free = tasks.filter(({ owner }) => owner === undefined);
  const namesOf = (moves: ReadonlyMap<string, readonly SharedTask[]>) =>
    (moves.get(me) ?? []).map(({ task }) => task);
  return { giveUp: namesOf(surplusOf(shares)), claim: namesOf(dealt(free, shares)) };
}

/** By name of the member. */
function sharesOf(listed: readonly string[], tasks: readonly SharedTask[]): Share[] {
  const members = [...new Set(listed)].sort();
  const least = Math.floor(tasks.length / members.length);
  const shares = members.map((member) => {
    return { member, tasks: tasks.filter(({ owner }) => owner === member), quota: least };
  });
  // Who has more than the least keeps one more; among those, names decide and not loads, which
  // change while tasks are given up.
  const hasMore = (share: Share) => share.tasks.length > least;
  const inTurn = [...shares.filter(hasMore), ...shares.filter((share) => !hasMore(share))];
  for (const share of inTurn.slice(0, tasks.length - least * shares.length)) share.quota++;
  return shares;
}

/** What members run beyond their quotas. */
function surplusOf(shares: readonly Share[]): Map<string, SharedTask[]> {
  const givenUp = new Map<number, number>();
  const surplus = new Map<string, SharedTask[]>();
  for (const { member, tasks, quota } of shares) {
    const kept = [...tasks];
    const excess: SharedTask[] = [];
    while (kept.length > quota) {
      const [task] = kept.toSorted(byReluctance(kept, givenUp)) as [SharedTask]; // there is one
      kept.splice(kept.indexOf(task), 1);
      excess.push(task);
      givenUp.set(task.stage, countIn(givenUp, task.stage) + 1);
    }
    surplus.set(member, excess);
  }
  return surplus;
}

/**
 * What is best given up first: what is ending anyway; of the stage that the member has most tasks
 * of; of the stage that others give up least of.
 */
function byReluctance(
  kept: readonly SharedTask[],
  givenUp: ReadonlyMap<number, number>,
): (a: SharedTask, b: SharedTask) => number {
  const rank = ({ stage, isEnding = false }: SharedTask) => [
    isEnding ? 0 : 1,
    -ofStage(kept, stage),
    countIn(givenUp, stage),
  ];
  return (a, b) => compare(rank(a), rank(b)) || kept.indexOf(b) - kept.indexOf(a);
}

/**
 * Each free task goes to a member below its quota: the one with the fewest of that stage, so that
 * each has some of all stages; of those, the one with the fewest tasks.
 */
function dealt(free: readonly SharedTask[], shares: readonly Share[]): Map<string, SharedTask[]> {
  const claims = new Map<string, SharedTask[]>();
  const held = shares.map(({ member, tasks, quota }) => ({ member, quota, tasks: [...tasks] }));
  for (const task of free) {
    const rank = ({ tasks }: Share) => [ofStage(tasks, task.stage), tasks.length];
    const [taker] = held
      .filter(({ tasks, quota }) => tasks.length < quota)
      .sort((a, b) => compare(rank(a), rank(b)));
    if (taker === undefined) break; // a member that is leaving has some yet
    taker.tasks.push(task);
    claims.set(taker.member, [...(claims.get(taker.member) ?? []), task]);
  }
  return claims;
}

function ofStage(tasks: readonly SharedTask[], stage: number): number {
  return tasks.filter((task) => task.stage === stage).length;
}

function countIn(counts: ReadonlyMap<number, number>, stage: number): number {
  return counts.get(stage) ?? 0;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) {
    const difference = value - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
