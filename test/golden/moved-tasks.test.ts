/**
 * The golden pipelines and the examples, moved in the middle of their input: two other processes
 * take a part of the tasks, the first one is killed, the job is rescaled, and rescaled again. The
 * results of each key are those of one task that nobody disturbs, in their order; so is the state
 * in the end, and so is what a replay writes.
 */
import { describe, expect, test } from 'vitest';
import { type Broker, openBroker } from '../../src/broker/index.ts';
import { pause } from '../../src/platform/index.ts';
import { type Job, type JobHandle, Log, replay, rescale, run } from '../../src/runtime/index.ts';
import { withCommit } from '../support/failing-commits.ts';
import { inTasks, stateIn } from '../support/rescaled-job.ts';
import { byKey, outputsOf, type SharedInput, withoutSilence } from '../support/shared-job.ts';
import { SimulatedMachine, type SimulatedProcess } from '../support/simulated-platform.ts';
import { smallEpochs, smallLog } from './pipeline.ts';
import { type Example, sharedJobs } from './shared-examples.ts';

const directory = '/data';

/** In each the first process runs alone for another while. */
const seeds = Number(process.env.MILLRACE_MOVES ?? 1);

/** So that there is input left when a job is disturbed. */
const commitMs = 100;

/** Of whoever has the directory open. */
interface Opened {
  readonly process: SimulatedProcess;
  readonly broker: Broker;
}

class Site {
  readonly machine = new SimulatedMachine();

  async open(): Promise<Opened> {
    const process = this.machine.process();
    const opening = openBroker(process.platform, directory, smallLog);
    return { process, broker: await this.machine.until(opening) };
  }

  async begin({ input }: Example): Promise<Opened> {
    const opened = await this.open();
    const { broker } = opened;
    for (const [name, partitions] of Object.entries(input.topics)) {
      await this.machine.until(
        broker.createTopic(name, { partitions, futureTimestampsMaxMs: 1e13 }),
      );
    }
    await this.machine.until(broker.append(input.appends));
    return opened;
  }

  async run(job: Job, { process, broker }: Opened): Promise<JobHandle> {
    const { platform } = process;
    const slow = withCommit(broker, async (commit) => {
      await pause(platform.clock, commitMs, new AbortController().signal);
      return broker.commit(commit);
    });
    return run(job, {
      ...smallEpochs,
      epoch: { epochRecords: 2 },
      broker: slow,
      platform,
      stateDirectory: directory,
    });
  }

  async end(handle: JobHandle, { broker }: Opened, drain = false): Promise<void> {
    await this.machine.until(handle.stop({ drain }));
    await this.machine.until(broker.close());
  }

  async rescale(job: Job): Promise<void> {
    const { platform } = this.machine.process();
    await this.machine.until(rescale(job, { data: directory, platform }));
  }

  async found(job: Job) {
    const { process, broker } = await this.open();
    const outputs = outputsOf(job, broker);
    await this.machine.until(broker.close());
    return { outputs, state: await this.machine.until(stateIn(directory, job, process.platform)) };
  }

  /** What a replay of the job's input writes, as if it had written the job's topics. */
  async replayed(job: Job) {
    const { process, broker } = await this.open();
    const { platform } = process;
    const log = new Log(directory, broker, platform, { platform });
    const { topics } = await this.machine.until(replay(job, { data: log, name: 'again' }));
    const outputs = Object.fromEntries(
      Object.entries(topics).map(([live, again]) => [live, byKey(broker, again)]),
    );
    await this.machine.until(broker.close());
    return outputs;
  }
}

async function undisturbed(example: Example) {
  const site = new Site();
  const opened = await site.begin(example);
  const alone = inTasks(example.job, 1);
  await site.end(await site.run(alone, opened), opened, true);
  return site.found(alone);
}

async function disturbed(example: Example, seed: number) {
  const site = new Site();
  const [two, three] = [inTasks(example.job, 2), inTasks(example.job, 3)];
  const first = await site.begin(example);
  const begun = await site.run(two, first);
  await site.machine.advance(500 + 100 * seed);
  const second = await site.open();
  const beside = await site.run(two, second);
  await site.machine.advance(500);
  const third = await site.open();
  const alsoBeside = await site.run(two, third);
  await site.machine.advance(300);
  expect(runningHere(beside)).toBeGreaterThan(0);
  const { tasks } = alsoBeside.status();
  expect(runningHere(alsoBeside) > 0).toBe(tasks.length > 2); // else there is none for it
  expect(runningHere(begun)).toBeGreaterThan(0);
  expect(begun.metrics().recordsRead).toBeGreaterThan(0);
  first.process.kill();
  await site.machine.advance(1000);
  await site.end(beside, second);
  await site.end(alsoBeside, third);
  await site.rescale(three);
  const fourth = await site.open();
  const rescaled = await site.run(three, fourth);
  await site.machine.advance(700);
  await site.end(rescaled, fourth);
  await site.rescale(two);
  const last = await site.open();
  await site.end(await site.run(two, last), last, true);
  const read = [begun, beside, alsoBeside].map((of) => of.metrics().recordsRead);
  expect(read.reduce((sum, of) => sum + of)).toBeLessThan(recordsOf(example.input));
  expect(await site.replayed(two)).toEqual((await site.found(two)).outputs);
  return site.found(two);
}

function recordsOf({ appends }: SharedInput): number {
  return appends.reduce((sum, { recordCount }) => sum + recordCount, 0);
}

function runningHere(handle: JobHandle): number {
  return handle.status().tasks.filter(({ state }) => state === 'running').length;
}

describe('moved, killed and rescaled, there is the same of', () => {
  test.each(sharedJobs.map((of) => [of.job.name, of] as const))('%s', async (_name, of) => {
    const example = { ...of, job: withoutSilence(of.job) };
    const expected = await undisturbed(example);
    for (let seed = 0; seed < seeds; seed++) {
      expect(await disturbed(example, seed), `seed ${seed}`).toEqual(expected);
    }
  });
});
