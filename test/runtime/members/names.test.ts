import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jobOfTask, memberPlaceOf, stageTaskOf } from '../../../src/runtime/members/names.ts';

/** What `job()` takes as a name, of few characters, so that names look like tasks of others. */
const jobs = fc.stringMatching(/^[a01._-]{1,12}$/);
const tasks = fc.record({ job: jobs, generation: fc.nat(9), stage: fc.nat(9), index: fc.nat(9) });

test('the name of a task says of which job it is, whatever jobs are called', () => {
  fc.assert(
    fc.property(jobs, tasks, (job, task) => {
      expect(jobOfTask(`${job}-0`)).toBe(job);
      expect(jobOfTask(stageTaskOf(task))).toBe(task.job);
    }),
    { numRuns: 2000 },
  );
});

test('tasks with equal names are the same task', () => {
  fc.assert(
    fc.property(tasks, tasks, fc.string(), (a, b, rest) => {
      if (stageTaskOf(a) === stageTaskOf(b)) expect(a).toEqual(b);
      expect(stageTaskOf(a)).not.toBe(stageTaskOf({ ...a, job: `${a.job}${rest}.` }));
    }),
  );
});

test.each([memberPlaceOf('a', 0), 'a/replay-0', 'a/b-0/redrive', 'ingest/a-0', 'deliver/a-1.0.3'])(
  'no task of a job is %s',
  (task) => {
    expect(jobOfTask(task)).toBeUndefined();
  },
);
