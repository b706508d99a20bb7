/**
 * Crashes at every named step, on a simulated machine: killed, and with the power cut so that any
 * part of what was not synced is lost. The output must be that of a run without faults, record for
 * record, and nothing may be refused.
 */
import { describe, expect, test } from 'vitest';
import { failpoints } from '../../src/platform/index.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';
import { CrashingPipeline } from './crash-at.ts';
import { jobs, makeReadings, outputTopics } from './pipeline.ts';

const golden = new CrashingPipeline({ jobs, topics: outputTopics, input: makeReadings(220, 7) });

describe('the golden pipeline', () => {
  test('has output in every topic', () => golden.expectOutput(2));

  test('gives the same output in every run without faults', async () => {
    const again = await golden.runThrough(new SimulatedMachine({ seed: 99 }));
    expect(again).toEqual(await golden.expectedOutputs());
  });
});

describe.each(failpoints)('a crash at %s', (failpoint) => {
  test('by a kill or a power cut changes no output', async () => {
    let crashes = 0;
    for (const hit of [1, 2, 3, 5, 9, 17]) {
      if (!(await golden.crashAt(failpoint, hit, ['kill', 'power cut']))) break; // nor more often
      crashes++;
    }
    expect(crashes).toBeGreaterThan(0);
  });
});
