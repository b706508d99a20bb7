/**
 * Mutation proof for jobs that several tasks share: each rule that keeps their results the same is
 * broken once, in a copy of the sources with some lines changed, and random jobs must notice.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changed, type Mutant, Mutants, proves } from '../support/mutants.ts';
import type * as RandomJobs from '../support/random-jobs.ts';
import type * as SharedJob from '../support/shared-job.ts';

/** Where nothing is noticed in so many jobs, nothing is proved. */
const jobsMax = 150;

const mutants: readonly Mutant[] = [
  {
    rule: 'of ties the first task comes first',
    changes: [['runtime/stages/place.ts', 'return a.task - b.task;', 'return b.task - a.task;']],
  },
  {
    rule: 'of one task what it had first comes first',
    changes: [['runtime/stages/place.ts', 'return a.turn - b.turn;', 'return b.turn - a.turn;']],
  },
  {
    rule: 'what comes of one thing keeps its order',
    changes: [['runtime/stages/place.ts', '  return comparePaths(a.path, b.path);', '  return 0;']],
  },
  {
    rule: 'a receiver waits for those who are busy',
    changes: [['runtime/stages/senders.ts', "return sender.state === 'busy' || ", 'return ']],
  },
  {
    rule: 'a record carries how far time was before it',
    changes: [
      [
        'runtime/stages/exchange-record.ts',
        'into.watermark = (flags & hasWatermark) === 0 ? usualWatermark(into, lagMs) : reader.double();',
        'if ((flags & hasWatermark) !== 0) reader.double();\n  into.watermark = Number.NEGATIVE_INFINITY;',
      ],
    ],
  },
  {
    rule: 'what fires stands where time passes it',
    changes: [
      ['runtime/stages/place.ts', 'order: time + lagMs, rank: step', 'order: time, rank: step'],
    ],
  },
  {
    rule: 'nobody is idle of whom nothing was heard',
    changes: [
      [
        'runtime/stages/senders.ts',
        'if (told === undefined || input.sender !== input.told) time.await(index);',
        '',
      ],
    ],
  },
];

const copies = new Mutants('shared', []);

test.each(mutants)('random jobs notice where it does not hold that $rule', async (mutant) => {
  if (!proves) return void changed(mutant);
  expect(await jobsUntilNoticed(copies.make(mutant))).toBeLessThan(jobsMax);
});

test('they notice nothing where all holds', async () => {
  expect(await jobsUntilNoticed(join(import.meta.dirname, '../..'), 10)).toBe(10);
});

/** How many jobs it takes until one is otherwise with two tasks, or comes to no end. */
async function jobsUntilNoticed(directory: string, numRuns = jobsMax): Promise<number> {
  const load = (file: string) => import(pathToFileURL(join(directory, 'test/support', file)).href);
  const { shapes, inputs, randomJob }: typeof RandomJobs = await load('random-jobs.ts');
  const { runShared }: typeof SharedJob = await load('shared-job.ts');
  const samples = fc.sample(fc.tuple(shapes, inputs), { numRuns, seed: 7 });
  for (const [tried, [steps, input]] of samples.entries()) {
    const job = randomJob(steps, [3, 3]);
    const expected = await runShared(job, input, { tasks: 1 });
    const outcome = await runShared(job, input, { tasks: 2 + (tried % 2) }).catch(() => undefined);
    if (!isDeepStrictEqual(outcome, expected)) return tried;
  }
  return numRuns;
}
