/**
 * Tables and joins, crashed at every named step: their results are those of a run without faults,
 * record for record.
 */
import { expect, test } from 'vitest';
import { type Failpoint, failpoints } from '../../src/platform/index.ts';
import { seededChoices } from '../support/choices.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';
import { finishSession, makeReadings, startSession } from './pipeline.ts';
import { joins, tables, topics } from './tables-and-joins-jobs.ts';

const input = makeReadings(90, 7);
const session = { jobs: [tables, joins] };

async function runThrough(machine: SimulatedMachine): Promise<Record<string, string[]>> {
  const { platform } = machine.process();
  const started = await machine.until(startSession(platform, '/data', input, session));
  return machine.until(finishSession(started, topics), 1, 600_000);
}

let withoutFaults: Promise<Record<string, string[]>> | undefined;

function expectedOutputs(): Promise<Record<string, string[]>> {
  withoutFaults ??= runThrough(new SimulatedMachine());
  return withoutFaults;
}

test('there are results in every topic', async () => {
  const outputs = await expectedOutputs();
  for (const name of topics) {
    const of = Object.entries(outputs).filter(([key]) => key.startsWith(`${name}/`));
    expect(of.flatMap(([, records]) => records).length, name).toBeGreaterThan(5);
  }
});

/** Runs until the step has been passed so often, crashes there, and runs through. */
async function crashAt(failpoint: Failpoint, hit: number, seed: number): Promise<boolean> {
  const machine = new SimulatedMachine({ seed });
  let hits = 0;
  machine.onFailpoint = (name, process) => {
    if (name === failpoint && ++hits === hit) process.crash();
  };
  const process = machine.process();
  const attempt = startSession(process.platform, '/data', input, session).then((started) =>
    finishSession(started, topics),
  );
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  attempt.then(end, end);
  for (let ms = 0; ms < 5_000 && !isOver && process.isAlive; ms++) await machine.advance(1);
  if (process.isAlive) return false;
  machine.onFailpoint = () => {};
  const next = seed % 2 === 0 ? machine : machine.powerCut(seededChoices(seed));
  expect(await runThrough(next)).toEqual(await expectedOutputs());
  return true;
}

test.each(failpoints.map((failpoint, i) => [failpoint, i] as const))(
  'a crash at %s changes nothing',
  async (failpoint, i) => {
    const isReached = (await crashAt(failpoint, 4, i)) || (await crashAt(failpoint, 1, i));
    expect(isReached).toBe(true);
  },
);
