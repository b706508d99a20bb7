/**
 * The windows, triggers, aggregates and meeting streams that the golden pipeline has not, in one
 * job: crashed at every named step, its output is that of a run without faults, record for record.
 */
import { expect, test } from 'vitest';
import { failpoints } from '../../src/platform/index.ts';
import { CrashingPipeline } from './crash-at.ts';
import { operators, operatorTopics as topics } from './operators-job.ts';
import { makeReadings } from './pipeline.ts';

const pipeline = new CrashingPipeline({ jobs: [operators], topics, input: makeReadings(70, 7) });

test('the pipeline has output in every topic', () => pipeline.expectOutput(2));

test.each(failpoints.map((failpoint, i) => [failpoint, i] as const))(
  'a crash at %s changes no output',
  async (failpoint, i) => {
    const faults = [i % 2 === 0 ? ('kill' as const) : ('power cut' as const)];
    const isReached =
      (await pipeline.crashAt(failpoint, 4 + (i % 7), faults)) ||
      (await pipeline.crashAt(failpoint, 1, faults));
    expect(isReached).toBe(true);
  },
);
