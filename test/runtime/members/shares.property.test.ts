/**
 * Members that see the same, each doing one of its moves at a time, in any order:
 *
 * - Each task ends with one member, and loads differ by one at most.
 * - As few tasks move as the loads at the beginning allow.
 * - A member that begins to give up a task goes on with that one.
 * - What falls to whom does not depend on the order in which members are listed.
 *
 * And of free tasks dealt at once, each member gets as many of each stage as the others, within one.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type JobView, movesOf, type SharedTask } from '../../../src/runtime/members/shares.ts';

type Task = { -readonly [Key in keyof SharedTask]: SharedTask[Key] };

const names = ['a', 'b', 'c', 'd', 'e', 'f'];

/** More than three for each task, and as many looks in vain. */
const stepsMax = 1000;

interface Start {
  readonly members: readonly string[];
  /** Stage and owner; owners that are no members are dead, but for `leaving`, which lives yet. */
  readonly tasks: readonly (readonly [number, string | undefined])[];
}

const starts: fc.Arbitrary<Start> = fc
  .subarray(names, { minLength: 1 }) // few have all, and the loads differ much
  .chain((owners) => {
    const task = fc.tuple(fc.nat({ max: 2 }), fc.constantFrom(...owners, undefined));
    return fc.record({
      members: fc.subarray(names, { minLength: 1 }),
      tasks: fc.array(task, { maxLength: 24 }),
    });
  });

function tasksOf({ members, tasks }: Start): Task[] {
  return tasks.map(([stage, owner], i) => {
    const lives = owner !== undefined && members.includes(owner);
    return { task: `t${i}`, stage, owner: lives ? owner : undefined };
  });
}

function loadsOf(members: readonly string[], tasks: readonly SharedTask[]): number[] {
  return members.map((member) => tasks.filter(({ owner }) => owner === member).length);
}

/** The fewest moves to fair loads: those who have most keep most. */
function fewestMoves(members: readonly string[], tasks: readonly SharedTask[]): number {
  const least = Math.floor(tasks.length / members.length);
  const more = tasks.length - least * members.length;
  const loads = loadsOf(members, tasks).sort((a, b) => b - a);
  const kept = loads.map((load, i) => Math.min(load, least + (i < more ? 1 : 0)));
  return tasks.length - kept.reduce((sum, count) => sum + count, 0);
}

/** What a member sees: that a task is ending it knows of its own only. */
function viewOf(me: string, members: readonly string[], tasks: readonly SharedTask[]): JobView {
  const seen = tasks.map((task) => ({
    ...task,
    isEnding: task.owner === me && task.isEnding === true,
  }));
  return { me, members, tasks: seen };
}

/** One step of a member: begins to give up, ends that, or claims. Undefined: nothing to do. */
function stepOf(me: string, members: readonly string[], tasks: readonly Task[]): Task | undefined {
  const { claim, giveUp } = movesOf(viewOf(me, members, tasks));
  const named = (wanted: string | undefined) => tasks.find(({ task }) => task === wanted);
  const begun = tasks.filter(({ owner, isEnding }) => owner === me && isEnding === true);
  for (const { task } of begun) expect(giveUp).toContain(task);
  const beginning = named(giveUp.find((task) => named(task)?.isEnding !== true));
  if (beginning !== undefined) return Object.assign(beginning, { isEnding: true });
  const claimed = named(claim[0]);
  if (claimed !== undefined) return Object.assign(claimed, { owner: me, isEnding: false });
  const [ended] = begun;
  return ended && Object.assign(ended, { owner: undefined, isEnding: false });
}

test('members that see the same settle: fair, and with the fewest moves', () => {
  fc.assert(
    fc.property(starts, fc.infiniteStream(fc.nat()), (start, choices) => {
      const { members } = start;
      const tasks = tasksOf(start);
      const fewest = fewestMoves(members, tasks);
      let moves = 0;
      let steps = 0;
      for (let idle = new Set<string>(); idle.size < members.length; ) {
        expect(++steps).toBeLessThan(stepsMax);
        const turn = choices.next().value % members.length;
        const others = members.filter((member) => !idle.has(member));
        const me = others[turn % others.length] ?? '';
        const moved = stepOf(me, members, tasks);
        if (moved === undefined) idle.add(me);
        else idle = new Set();
        if (moved?.owner === me && moved.isEnding === false) moves++;
      }
      const loads = loadsOf(members, tasks);
      expect(tasks.filter(({ owner }) => owner === undefined)).toEqual([]);
      expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
      expect(moves).toBe(fewest);
    }),
    { numRuns: 2000 },
  );
});

test('the order in which members are listed changes nothing', () => {
  const shuffled = fc.shuffledSubarray(names, { minLength: names.length });
  fc.assert(
    fc.property(starts, shuffled, (start, order) => {
      const tasks = tasksOf(start);
      const listed = order.filter((name) => start.members.includes(name));
      for (const me of start.members) {
        expect(movesOf({ me, members: [...listed, me], tasks })).toEqual(
          movesOf({ me, members: start.members, tasks }),
        );
      }
    }),
  );
});

test('free tasks are dealt so that each member has some of all stages', () => {
  const stages = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(stages, fc.subarray(names, { minLength: 1 }), (sizes, members) => {
      const tasks = sizes.flatMap((size, stage) =>
        Array.from({ length: size }, (_, i) => ({
          task: `${stage}-${i}`,
          stage,
          owner: undefined,
        })),
      );
      const claims = members.map((me) => movesOf({ me, members, tasks }).claim);
      expect(claims.flat().sort()).toEqual(tasks.map(({ task }) => task).sort());
      for (const stage of sizes.keys()) {
        const counts = claims.map(
          (claim) => claim.filter((of) => of.startsWith(`${stage}-`)).length,
        );
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test('a member that joins gets tasks of several stages', () => {
  const tasks = ['a', 'b', 'a', 'b', 'a', 'b'].map((owner, i) => {
    return { task: `t${i}`, stage: i % 3, owner };
  });
  const members = ['a', 'b', 'c'];
  const givenUp = members.flatMap((me) => movesOf({ me, members, tasks }).giveUp);
  expect(givenUp.length).toBe(2);
  expect(new Set(givenUp.map((task) => Number(task.slice(1)) % 3)).size).toBe(2);
});

test('what a member that leaves still runs stays until it is released, and falls to nobody', () => {
  const tasks = [
    { task: 't0', stage: 0, owner: 'leaving' },
    { task: 't1', stage: 0, owner: 'a' },
    { task: 't2', stage: 0, owner: 'leaving' },
  ];
  expect(movesOf({ me: 'a', members: ['a'], tasks })).toEqual({ claim: [], giveUp: [] });
});

test('who is no member does nothing', () => {
  const tasks = [
    { task: 't0', stage: 0, owner: undefined },
    { task: 't1', stage: 0, owner: 'me' },
  ];
  expect(movesOf({ me: 'me', members: ['a'], tasks })).toEqual({ claim: [], giveUp: [] });
  expect(movesOf({ me: 'me', members: [], tasks })).toEqual({ claim: [], giveUp: [] });
});
