/**
 * - Two replays of the same log write the same records, in the same order in each partition, with
 *   the same headers: whatever the batches of the log, wherever epochs and turns end, however little
 *   memory there is, and however often one was interrupted before.
 * - Without time by the clock they write what a run writes that found all input there, and drained.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryBroker, RecordBatchBuilder, RecordCursor } from '../../../src/broker/index.ts';
import { count, job, session, sum, topic, tumbling } from '../../../src/dsl/index.ts';
import { json, keyJson } from '../../../src/formats/index.ts';
import { type Job, type ReplayOptions, replay, run } from '../../../src/runtime/index.ts';
import { keeping } from '../../support/keeping-job.ts';
import { lookMs } from '../../support/operator-harness-modes.ts';
import { byReading, type Reading, readings } from '../../support/operator-harness-scripts.ts';
import { changedBroker } from '../../support/rebuilding.ts';
import { SimulatedMachine } from '../../support/simulated-platform.ts';

/** `npm run soak` tries all 1,000. */
const logsTried = Number(process.env.MILLRACE_REPLAYS ?? 100);

interface LoggedReading {
  readonly partition: number;
  readonly timestamp: number;
  readonly value: Reading;
}

const partitions = 3;

const logs: fc.Arbitrary<readonly LoggedReading[]> = fc.array(
  fc.record({
    partition: fc.nat({ max: partitions - 1 }),
    timestamp: fc.nat({ max: 60_000 }),
    value: fc.record({
      key: fc.constantFrom('a', 'b', 'ü', ''),
      at: fc.nat({ max: 200 }),
      n: fc.integer({ min: -20, max: 20 }),
    }),
  }),
  { minLength: 1, maxLength: 24 },
);

interface Way {
  readonly batchRecords: number;
  readonly epochRecords: number;
  readonly isShortOfTime: boolean;
  /** How many commits each attempt before the last one made, before it was lost. */
  readonly lostAfter: readonly number[];
  readonly state: 'in memory' | 'in a file' | 'in a file, with next to no memory';
}

const ways: fc.Arbitrary<Way> = fc.record({
  batchRecords: fc.constantFrom(1, 2, 5, 1000),
  epochRecords: fc.constantFrom(1, 2, 7, Number.POSITIVE_INFINITY),
  isShortOfTime: fc.boolean(),
  lostAfter: fc.array(fc.nat({ max: 4 }), { maxLength: 1 }),
  state: fc.oneof(
    { weight: 4, arbitrary: fc.constant('in memory' as const) },
    fc.constantFrom('in a file', 'in a file, with next to no memory'),
  ),
});

const out = <Value>(name: string) => topic(name, { key: keyJson<string>(), value: json<Value>() });

/** Some of its records fail, and none of its results depends on the clock. */
const byEventTime: Job = job(
  'by-event-time',
  ({ from }) => {
    const all = from(readings, { ...byReading, outOfOrderness: 7, idleAfter: '1s' }).filter((r) => {
      if (r.n === 13) throw new Error('unlucky');
      return r.n !== 12;
    });
    const windowed = all
      .keyBy((r) => r.key)
      .window(session(15))
      .aggregate({ n: count(), total: sum((r) => r.n) });
    windowed.to(out('sessions'));
    windowed.late.to(out('late-for-sessions'));
    windowed
      .keyBy((of) => `${of.n % 2}`)
      .window(tumbling(50))
      .aggregate({ n: count() })
      .to(out('sessions-by-size'));
  },
  { onError: { deadLetters: 'unlucky' } },
);

/** A log with these records, in batches of that size. */
class Logged {
  readonly machine: SimulatedMachine = new SimulatedMachine();
  readonly broker: MemoryBroker;

  constructor() {
    this.broker = new MemoryBroker({ clock: this.machine.process().platform.clock });
  }

  async fill(records: readonly LoggedReading[], batchRecords: number): Promise<void> {
    await this.machine.until(this.broker.createTopic('readings', { partitions }));
    for (let partition = 0; partition < partitions; partition++) {
      const own = records.filter((of) => of.partition === partition);
      for (let at = 0; at < own.length; at += batchRecords) {
        const some = own.slice(at, at + batchRecords);
        const builder = new RecordBatchBuilder();
        for (const { value, timestamp } of some) {
          builder.append(timestamp, Buffer.from(value.key), readings.value.encode(value));
        }
        const maxTimestamp = Math.max(...some.map(({ timestamp }) => timestamp));
        const append = { topic: 'readings', partition, batches: builder.build() };
        const recordCount = some.length;
        await this.machine.until(this.broker.append([{ ...append, recordCount, maxTimestamp }]));
      }
    }
  }

  async replay(of: Job, way: Way): Promise<readonly string[]> {
    const { platform } = this.machine.process();
    let reading = 0;
    const clock = { ...platform.clock, monotonicMs: () => (reading += lookMs) };
    const budget = way.isShortOfTime ? { turnMs: 3 * lookMs, epochMs: 16 * lookMs } : {};
    const options: ReplayOptions = {
      platform: way.isShortOfTime ? { ...platform, clock } : platform,
      epoch: { ...budget, epochRecords: way.epochRecords },
      ...(way.state === 'in memory' ? {} : { stateDirectory: '/data' }),
      ...(way.state === 'in a file, with next to no memory' ? { stateMemoryMax: 1 } : {}),
    };
    for (const commits of way.lostAfter) await this.#lose(of, options, commits);
    const { topics } = await this.machine.until(replay(of, { ...options, broker: this.broker }));
    return this.#recordsOf(Object.entries(topics));
  }

  /** What a run writes that finds all of it there, and drains. */
  async run(of: Job): Promise<readonly string[]> {
    const { platform } = this.machine.process();
    const handle = await run(of, { broker: this.broker, platform });
    await this.machine.until(handle.stop({ drain: true }));
    const names = ['sessions', 'late-for-sessions', 'sessions-by-size'];
    return this.#recordsOf(names.map((name) => [name, name]));
  }

  async #lose(of: Job, options: ReplayOptions, commits: number): Promise<void> {
    let left = commits;
    const commit: MemoryBroker['commit'] = async (asked) => {
      if (left-- <= 0) throw new Error('lost');
      return this.broker.commit(asked);
    };
    const broker = changedBroker(this.broker, { commit });
    await this.machine.until(replay(of, { ...options, broker }).catch(() => undefined));
  }

  #recordsOf(names: readonly (readonly [string, string])[]): readonly string[] {
    return names.flatMap(([shown, name]) =>
      (this.broker.describeTopic(name)?.partitions ?? []).flatMap(({ partition }) =>
        linesOf(this.broker, name, partition).map((line) => `${shown}/${partition} ${line}`),
      ),
    );
  }
}

function linesOf(broker: MemoryBroker, name: string, partition: number): string[] {
  const lines: string[] = [];
  const cursor = new RecordCursor();
  for (let offset = 0; ; offset = cursor.endOffset()) {
    const batches = broker.read({ topic: name, partition }, offset, 1024 * 1024);
    if (batches === undefined) return lines;
    cursor.reset(batches.bytes);
    while (cursor.next()) {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestamp } = cursor;
      const text = (from: number, to: number) =>
        from < 0 ? 'none' : Buffer.from(bytes.subarray(from, to)).toString();
      const headers = cursor.headers().map(({ key, value }) => `${key}=${value}`);
      lines.push(
        [timestamp, text(keyStart, keyEnd), text(valueStart, valueEnd), headers].join(' '),
      );
    }
  }
}

async function replayed(of: Job, log: readonly LoggedReading[], way: Way) {
  const logged = new Logged();
  await logged.fill(log, way.batchRecords);
  return logged.replay(of, way);
}

test('two replays of a log write the same', async () => {
  const jobs = fc.constantFrom(keeping, byEventTime);
  let written = 0;
  await fc.assert(
    fc.asyncProperty(jobs, logs, ways, ways, async (of, log, one, other) => {
      const lines = await replayed(of, log, one);
      written += lines.length;
      expect(await replayed(of, log, other)).toEqual(lines);
    }),
    { numRuns: logsTried },
  );
  expect(written).toBeGreaterThan(logsTried);
});

test('a replay writes what a run does that finds all input there', async () => {
  await fc.assert(
    fc.asyncProperty(logs, ways, async (log, way) => {
      const logged = new Logged();
      await logged.fill(log, way.batchRecords);
      const live = await logged.run(byEventTime);
      const again = await logged.replay(byEventTime, way);
      expect(again.filter((line) => !line.startsWith('unlucky'))).toEqual(live);
    }),
    { numRuns: Math.ceil(logsTried / 4) },
  );
});
