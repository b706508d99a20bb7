/**
 * - State that is rebuilt equals the state that was lost, store for store and row for row: whatever
 *   the job keeps, whatever its input, however it ran (batches, epochs, turns, crashes, restarts,
 *   take-overs, memory), and however long its streams were silent.
 * - Nothing is written again.
 * - A replay as recorded, beside the job, writes what the job wrote: byte for byte, in its order.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { replay } from '../../../src/runtime/index.ts';
import { keeping } from '../../support/keeping-job.ts';
import { ScriptRun, type ScriptStep } from '../../support/operator-harness.ts';
import { type Mode, otherModes, plainMode } from '../../support/operator-harness-modes.ts';
import { readingScripts, scriptsTried } from '../../support/operator-harness-scripts.ts';
import { drop, expectSameState } from '../../support/rebuilding.ts';

const seconds = fc.integer({ min: 1, max: 25 }).map((count) => count * 1000);
const waits: fc.Arbitrary<ScriptStep> = fc.oneof(
  seconds.map((pauseMs) => ({ pauseMs })),
  seconds.map((downtimeMs) => ({ downtimeMs })),
);
const scripts = fc
  .array(fc.tuple(readingScripts({ partitions: 3, timeMax: 200 }), fc.option(waits)), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) =>
    parts.flatMap(([records, wait]) => [...records, ...(wait === null ? [] : [wait])]),
  );

interface Run {
  readonly script: readonly ScriptStep[];
  readonly mode: Mode;
  readonly end: 'stop' | 'drain' | 'stop, drop, and go on';
}

const runs: fc.Arbitrary<Run> = fc.record({
  script: scripts,
  mode: fc.constantFrom(plainMode, ...otherModes),
  end: fc.constantFrom('stop', 'drain', 'stop, drop, and go on'),
});

async function runToItsEnd({ script, mode, end }: Run): Promise<ScriptRun> {
  const scripted = new ScriptRun(keeping, mode);
  await scripted.makeTopics(3);
  await scripted.start();
  for (const step of script) await scripted.step(step);
  if (end === 'stop, drop, and go on') {
    await scripted.finish(false);
    await drop(scripted, keeping, '/items');
    await scripted.start();
    for (const step of script.slice(0, 2)) await scripted.step(step);
  }
  await scripted.finish(end === 'drain');
  return scripted;
}

test('state that is rebuilt is what it was', async () => {
  const memory = fc.constantFrom(1, 50_000, 1e9);
  const unfolded = fc.constantFrom(1, 1000, 1e9);
  await fc.assert(
    fc.asyncProperty(runs, memory, unfolded, async (ran, stateMemoryMax, unfoldedBytesMax) => {
      const scripted = await runToItsEnd(ran);
      const outputs = scripted.outputs();
      await expectSameState(scripted, keeping, { stateMemoryMax, unfoldedBytesMax });
      expect(scripted.outputs()).toEqual(outputs);
    }),
    { numRuns: scriptsTried(12) },
  );
});

test('what is written again as recorded is what was written', async () => {
  const memory = fc.constantFrom(1, 1e9);
  await fc.assert(
    fc.asyncProperty(runs, memory, async (ran, stateMemoryMax) => {
      const { machine, broker } = await runToItsEnd(ran);
      const { platform } = machine.process();
      const again = replay(keeping, {
        ...{ broker, platform, stateDirectory: '/data', stateMemoryMax },
        ...{ asRecorded: true, compare: true },
      });
      const { comparisons } = await machine.until(again);
      expect(comparisons.flatMap(({ differences }) => differences)).toEqual([]);
    }),
    { numRuns: scriptsTried(6) },
  );
});
