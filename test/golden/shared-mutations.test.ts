/**
 * Mutation proof for jobs that several tasks share: each rule that keeps their results the same is
 * broken once, in a copy of the sources with some lines changed, and random jobs must notice.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type * as RandomJobs from '../support/random-jobs.ts';
import type * as SharedJob from '../support/shared-job.ts';

/** Where nothing is noticed in so many jobs, nothing is proved. */
const jobsMax = 150;

interface Mutant {
  readonly rule: string;
  readonly file: string;
  /** Stands once in the file. */
  readonly from: string;
  readonly to: string;
}

const mutants: readonly Mutant[] = [
  {
    rule: 'of ties the first task comes first',
    file: 'place.ts',
    from: 'return a.task - b.task;',
    to: 'return b.task - a.task;',
  },
  {
    rule: 'of one task what it had first comes first',
    file: 'place.ts',
    from: 'return a.turn - b.turn;',
    to: 'return b.turn - a.turn;',
  },
  {
    rule: 'what comes of one thing keeps its order',
    file: 'place.ts',
    from: '  return comparePaths(a.path, b.path);',
    to: '  return 0;',
  },
  {
    rule: 'a receiver waits for those who are busy',
    file: 'senders.ts',
    from: "return sender.state === 'busy' || ",
    to: 'return ',
  },
  {
    rule: 'a record carries how far time was before it',
    file: 'exchange-record.ts',
    from: 'into.watermark = (flags & hasWatermark) === 0 ? usualWatermark(into, lagMs) : reader.double();',
    to: 'if ((flags & hasWatermark) !== 0) reader.double();\n  into.watermark = Number.NEGATIVE_INFINITY;',
  },
  {
    rule: 'what fires stands where time passes it',
    file: 'place.ts',
    from: 'order: time + lagMs, rank: step',
    to: 'order: time, rank: step',
  },
  {
    rule: 'nobody is idle of whom nothing was heard',
    file: 'senders.ts',
    from: 'if (told === undefined || input.sender !== input.told) time.await(index);',
    to: '',
  },
];

const root = join(import.meta.dirname, '../../.mutants-shared');
afterAll(() => rmSync(root, { recursive: true, force: true }));

test.each(mutants)('random jobs notice where it does not hold that $rule', async (mutant) => {
  const directory = join(root, mutant.rule.replaceAll(' ', '-'));
  copySources(directory);
  change(join(directory, 'src/runtime/stages', mutant.file), mutant);
  expect(await jobsUntilNoticed(directory)).toBeLessThan(jobsMax);
});

test('they notice nothing where all holds', async () => {
  expect(await jobsUntilNoticed(join(import.meta.dirname, '../..'), 10)).toBe(10);
});

function copySources(directory: string): void {
  const project = join(import.meta.dirname, '../..');
  for (const folder of ['src', 'test/support']) {
    cpSync(join(project, folder), join(directory, folder), { recursive: true });
  }
}

function change(path: string, { from, to }: Mutant): void {
  const text = readFileSync(path, 'utf8');
  expect(text.split(from), `${path} holds once: ${from}`).toHaveLength(2);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
}

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
