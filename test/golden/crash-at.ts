/** Crashes of a pipeline at a named step, and what must come of it: what a run without faults gives. */
import { expect } from 'vitest';
import type { Failpoint } from '../../src/platform/index.ts';
import type { Job } from '../../src/runtime/index.ts';
import { type Choose, seededChoices } from '../support/choices.ts';
import { SimulatedMachine, type SimulatedProcess } from '../support/simulated-platform.ts';
import { finishSession, type Reading, startSession } from './pipeline.ts';

export interface Pipeline {
  readonly jobs: readonly Job[];
  /** Those that the jobs write. */
  readonly topics: readonly string[];
  readonly input: readonly Reading[];
}

export type Outputs = Readonly<Record<string, readonly string[]>>;

export type Fault = 'kill' | 'power cut';

const directory = '/data';

export class CrashingPipeline {
  readonly #pipeline: Pipeline;
  #expected: Promise<Outputs> | undefined;

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline;
  }

  /** The output of a run without faults. */
  expectedOutputs(): Promise<Outputs> {
    this.#expected ??= this.runThrough(new SimulatedMachine());
    return this.#expected;
  }

  async runThrough(machine: SimulatedMachine): Promise<Outputs> {
    return machine.until(this.#attempt(machine.process()), 1, 600_000);
  }

  /** Holds that each topic has more than so many records, so that something is compared. */
  async expectOutput(recordsMin: number): Promise<void> {
    const outputs = Object.entries(await this.expectedOutputs());
    for (const topic of this.#pipeline.topics) {
      const found = outputs.filter(([partition]) => partition.startsWith(`${topic}/`));
      expect(found.flatMap(([, records]) => records).length, topic).toBeGreaterThan(recordsMin);
    }
  }

  /**
   * Runs until `failpoint` has been passed `hit` times, and crashes there. From there on it runs
   * through, once for each of the faults, with the expected output. False where the step was not
   * reached.
   */
  async crashAt(failpoint: Failpoint, hit: number, faults: readonly Fault[]): Promise<boolean> {
    const seed = hit * 31;
    const machine = new SimulatedMachine({ seed });
    let hits = 0;
    machine.onFailpoint = (name, process) => {
      if (name === failpoint && ++hits === hit) process.crash();
    };
    const process = machine.process();
    await stepUntilDead(machine, process, this.#attempt(process));
    if (process.isAlive) return false;
    machine.onFailpoint = () => {};
    const expected = await this.expectedOutputs();
    for (const [fault, next] of afterFaults(machine, faults, seededChoices(seed))) {
      expect(await this.runThrough(next), `${fault}, passed ${hit} times`).toEqual(expected);
    }
    return true;
  }

  async #attempt({ platform }: SimulatedProcess): Promise<Outputs> {
    const { input, jobs, topics } = this.#pipeline;
    return finishSession(await startSession(platform, directory, input, { jobs }), topics);
  }
}

/** The machine after each of the faults; as it is last, since it changes when it is used. */
function afterFaults(
  machine: SimulatedMachine,
  faults: readonly Fault[],
  choose: Choose,
): [Fault, SimulatedMachine][] {
  const machines: [Fault, SimulatedMachine][] = [];
  if (faults.includes('power cut')) machines.push(['power cut', machine.powerCut(choose)]);
  if (faults.includes('kill')) machines.push(['kill', machine]);
  return machines;
}

async function stepUntilDead(
  machine: SimulatedMachine,
  process: SimulatedProcess,
  attempt: Promise<unknown>,
): Promise<void> {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  attempt.then(end, end);
  for (let ms = 0; ms < 60_000 && !isOver && process.isAlive; ms++) await machine.advance(1);
}
