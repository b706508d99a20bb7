/**
 * The drain of a job that several tasks share, disturbed at each of its commits:
 *
 * - A commit that fails, whether it has happened or not: the results are those of a drain in which
 *   none does, in the same order.
 * - The job ends there, and is run again with more input: nothing is lost, nothing waits for the
 *   drain that is no more.
 * - Another process joins there: it has to wait until the drain is over.
 */
import { describe, expect, test } from 'vitest';
import { MemoryBroker, RecordBatchBuilder } from '../../../src/broker/index.ts';
import { count, job, sum, topic, tumbling } from '../../../src/dsl/index.ts';
import { json, string } from '../../../src/formats/index.ts';
import { type Job, type JobHandle, run } from '../../../src/runtime/index.ts';
import { seededChoices } from '../../support/choices.ts';
import { failingCommits, noFailures } from '../../support/failing-commits.ts';
import {
  type Outcome,
  outputsOf,
  runShared,
  type SharedInput,
  writtenBy,
} from '../../support/shared-job.ts';
import { SimulatedMachine } from '../../support/simulated-platform.ts';

interface Item {
  readonly k: string;
  readonly at: number;
}

interface Counted {
  readonly n: number;
}

const items = topic('items', { key: string(), value: json<Item>() });
const byKey = topic('by-key', { key: string(), value: json<unknown>() });
const byCount = topic('by-count', { key: string(), value: json<unknown>() });
const late = topic('too-late', { key: string(), value: json<Item>() });

/** Windows over the results of windows: in a drain both fire, one stage after the other. */
const nested: Job = job('nested', ({ from }) => {
  const windows = from(items, { eventTime: ({ at }) => at, quietAfter: 'off', outOfOrderness: 4 })
    .keyBy(({ k }) => k)
    .window(tumbling(10))
    .aggregate({ n: count() }, { name: 'first' });
  windows.to(byKey);
  windows.late.to(late);
  windows
    .keyBy(({ n }) => `${n % 3}`, { key: string() })
    .window(tumbling(30))
    .aggregate({ n: sum(({ n }) => n) }, { name: 'second' })
    .to(byCount);
});

const input = inputOf(1);

function inputOf(seed: number): SharedInput {
  const choose = seededChoices(seed);
  // Portions are every other one of these: the later ones come later in event time too.
  const portions = [0, 100].flatMap((from) =>
    [0, 1].map((partition) => {
      const builder = new RecordBatchBuilder();
      for (let i = 0; i < 12; i++) {
        const at = from + i * 3 - choose(4);
        builder.append(
          at,
          Buffer.from('k'),
          Buffer.from(JSON.stringify({ k: `${choose(4)}`, at })),
        );
      }
      const { recordCount, maxTimestamp } = builder;
      return { topic: 'items', partition, recordCount, maxTimestamp, batches: builder.build() };
    }),
  );
  const [a, b, c, d] = portions;
  return { topics: { items: 2 }, appends: [a, c, b, d].flatMap((of) => of ?? []) };
}

describe.each([1, 2, 3])('with %i tasks', (tasks) => {
  test.each(['before', 'after'] as const)('a commit fails %s it has happened', async (failure) => {
    const expected = await runShared(nested, input, { tasks: 1 });
    let failures = 1;
    for (let at = 0; failures > 0; at++) {
      const drainFails = (index: number) => (index === at ? failure : undefined);
      const outcome = await runShared(nested, input, { tasks, drainFails });
      failures = outcome.failures;
      expect({ ...outcome, failures: 0 }, `commit ${at}`).toEqual(expected);
    }
  });

  test('the job ends, and is run again', async () => {
    let failures = 1;
    for (let drainsFor = 0; failures > 0; drainsFor++) {
      const outcome = await runShared(nested, input, { tasks, portions: 2, drainsFor });
      failures = outcome.failures;
      expect(countedIn(outcome.outputs), `after ${drainsFor} commits`).toEqual({
        first: 48,
        second: 48,
      });
    }
  });
});

describe('beside another process', () => {
  const shared: Job = { ...nested, graph: { ...nested.graph, parallelism: 2 } };

  test('which comes meanwhile, and waits until the drain is over', async () => {
    const expected = await runShared(nested, input, { tasks: 1 });
    for (let comesAt = 0, hasCome = true; hasCome; comesAt++) {
      const { machine, first, second } = processes();
      let other: Promise<JobHandle> | undefined;
      const handle = await run(shared, first.here);
      await machine.advance(1000);
      first.commits.fail((index) => {
        if (index === comesAt) other = run(shared, second.here);
        return undefined;
      });
      await machine.until(handle.stop({ drain: true }));
      expect(outputsOf(nested, first.broker), `comes at commit ${comesAt}`).toEqual(
        expected.outputs,
      );
      hasCome = other !== undefined;
      const next = await other;
      await machine.advance(2000);
      expect(next?.status().tasks.every(({ state }) => state === 'running')).not.toBe(false);
      await machine.until(next?.stop() ?? Promise.resolve());
    }
  });

  test('which takes a task that has failed: it says so, and goes on once that one stops', async () => {
    for (let at = 0, hasFailed = true; hasFailed; at++) {
      const { machine, first, second } = processes();
      const handle = await run(shared, first.here);
      await machine.advance(1000);
      const other = await run(shared, second.here);
      first.commits.fail((index) => (index === at ? 'before' : undefined));
      const drained = handle.stop({ drain: true });
      await machine.advance(900);
      hasFailed = first.commits.failed > 0;
      if (hasFailed) {
        expect(handle.status().waitingFor, `commit ${at}`).toMatch(
          /the drain: process \d+ on memory has taken tasks of the job; stop the job there/,
        );
        await machine.until(other.stop());
      }
      await machine.until(drained);
      expect(countedIn(outputsOf(nested, first.broker))).toEqual({ first: 48, second: 48 });
      await machine.until(other.stop());
    }
  });

  /** On a machine, over one log in which the input lies. */
  function processes() {
    const machine = new SimulatedMachine();
    const log = new MemoryBroker({ clock: machine.process().platform.clock });
    for (const name of ['items', ...writtenBy(nested)]) log.createTopicNow(name, { partitions: 2 });
    log.appendNow(input.appends);
    const processOf = (name: string) => {
      const { platform } = machine.process();
      const broker = log.process(name, { clock: platform.clock });
      broker.appendNow([]); // and has seen the log then, as whoever opens one
      const commits = failingCommits(broker, noFailures);
      return { commits, broker, here: { platform, broker: commits.broker } };
    };
    return { machine, first: processOf('first'), second: processOf('second') };
  }
});

/** How many items each stage has counted, late ones too. */
function countedIn(outputs: Outcome['outputs']): { first: number; second: number } {
  const recordsOf = (name: string) => Object.values(outputs[name] ?? {}).flat();
  const sumOf = (name: string) =>
    recordsOf(name).reduce(
      (sum, text) => sum + (JSON.parse(text.replace(/ at .*/, '')) as Counted).n,
      0,
    );
  const late = recordsOf('too-late').length;
  return { first: sumOf('by-key') + late, second: sumOf('by-count') + late };
}
