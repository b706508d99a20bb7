/** The golden pipelines give with any number of tasks what they give with one. */
import { expect, test } from 'vitest';
import { expectSame, recordsIn, type SharedInput, writtenBy } from '../support/shared-job.ts';
import { operators } from './operators-job.ts';
import { appendsOf, inputPartitions, inputTopic, jobs, makeReadings } from './pipeline.ts';
import { joins, tables } from './tables-and-joins-jobs.ts';

function inputOf(records: number): SharedInput {
  return {
    topics: { [inputTopic]: inputPartitions },
    appends: appendsOf(makeReadings(records, 7)),
  };
}

test.each([...jobs, operators, tables, joins].map((job) => [job.name, job] as const))(
  '%s',
  async (_name, job) => {
    const outcome = await expectSame(job, inputOf(150));
    for (const topic of writtenBy(job)) expect(recordsIn(outcome, topic), topic).toBeGreaterThan(2);
  },
);
