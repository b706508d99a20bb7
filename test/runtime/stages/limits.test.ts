/** What jobs that several tasks share promise less of, and what they can't have. */
import { expect, test } from 'vitest';
import { RecordBatchBuilder } from '../../../src/broker/index.ts';
import { count, job, sum, topic, tumbling } from '../../../src/dsl/index.ts';
import { json, string } from '../../../src/formats/index.ts';
import type { Job } from '../../../src/runtime/index.ts';
import { seededChoices } from '../../support/choices.ts';
import { recordsIn, runShared, type SharedInput } from '../../support/shared-job.ts';

interface Item {
  readonly k: string;
  readonly at: number;
}

const [punctual, tardy] = ['punctual', 'tardy'].map((name) =>
  topic(name, { key: string(), value: json<Item>() }),
) as [Read, Read];
type Read = ReturnType<typeof topic<string, Item>>;

/** Out of order as far as given, in time. */
function inputOf(disorder: Readonly<Record<string, number>>, seed: number): SharedInput {
  const choose = seededChoices(seed);
  const appends = Object.entries(disorder).flatMap(([name, ms]) =>
    [0, 1].map((partition) => {
      const builder = new RecordBatchBuilder();
      for (let i = 0; i < 60; i++) {
        const at = i * 3 - choose(ms + 1);
        const value = JSON.stringify({ k: `key ${choose(5)}`, at });
        builder.append(at, Buffer.from('k'), Buffer.from(value));
      }
      const { recordCount, maxTimestamp } = builder;
      return { topic: name, partition, recordCount, maxTimestamp, batches: builder.build() };
    }),
  );
  const topics = Object.fromEntries(Object.keys(disorder).map((name) => [name, 2]));
  return { topics, appends };
}

const windows: Job = job('several-disorders', ({ from }) => {
  const of = { eventTime: (item: Item) => item.at, quietAfter: 'off' } as const;
  const windowed = from(punctual, { ...of, outOfOrderness: 0 })
    .union(from(tardy, { ...of, outOfOrderness: 40 }))
    .keyBy(({ k }) => k)
    .window(tumbling(20))
    .aggregate({ n: count(), total: sum(({ at }) => at) });
  windowed.to(topic('of-windows', { key: string(), value: json<unknown>() }));
  windowed.late.to(topic('of-late', { key: string(), value: json<Item>() }));
});

test.each([1, 2, 3])(
  'sources that are out of order each in its way: nothing is late that is in time (%i)',
  async (seed) => {
    const input = inputOf({ punctual: 0, tardy: 40 }, seed);
    const expected = await runShared(windows, input, { tasks: 1 });
    expect(expected.late).toBe(0);
    expect(recordsIn(expected, 'of-windows')).toBeGreaterThan(20);
    for (const tasks of [2, 3, 8]) {
      const { outputs, late } = await runShared(windows, input, { tasks });
      expect({ outputs, late }, `${tasks} tasks`).toEqual({ outputs: expected.outputs, late: 0 });
    }
  },
);

const running: Job = job('running', ({ from }) => {
  from(punctual, { quietAfter: 'off' })
    .keyBy(({ k }) => k)
    .aggregate({ n: count(), total: sum(({ at }) => at) })
    .to(topic('totals', { key: string(), value: json<unknown>() }));
});

test.each([2, 3, 8])(
  'input that comes in portions: nothing is lost or doubled with %i tasks',
  async (tasks) => {
    const input = inputOf({ punctual: 30 }, 5);
    const expected = await runShared(running, input, { tasks: 1, portions: 2 });
    const outcome = await runShared(running, input, { tasks, portions: 2 });
    expect(outcome.state).toEqual(expected.state);
    expect(recordsIn(outcome, 'totals')).toBe(recordsIn(expected, 'totals'));
  },
);

class Temperature {
  readonly celsius: number;
  constructor(celsius: number) {
    this.celsius = celsius;
  }
}

const classes: Job = job('classes', ({ from }) => {
  from(punctual)
    .map(({ at }) => new Temperature(at))
    .keyBy(({ celsius }) => `${celsius % 3}`)
    .aggregate({ n: count() }, { name: 'counted' })
    .to(topic('counted', { key: string(), value: json<unknown>() }));
});

test('objects of classes do not pass to another task, and the error says what to do', async () => {
  const input = inputOf({ punctual: 0 }, 1);
  await runShared(classes, input, { tasks: 1 });
  await expect(runShared(classes, input, { tasks: 2 })).rejects.toMatchObject({
    code: 'ENCODE',
    message: expect.stringMatching(
      /Step "counted".*map\(\) before keyBy\(\), or run the job with one task/s,
    ),
  });
});
