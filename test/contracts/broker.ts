/** What every implementation of `Broker` keeps; each runs this suite. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type Append,
  type Broker,
  type Commit,
  RecordBatchBuilder,
  RecordCursor,
  type TopicPartition,
} from '../../src/broker/index.ts';
import { isMillraceError } from '../../src/platform/index.ts';

export interface BrokerHarness {
  readonly broker: Broker;
  /** Virtual or real now, in ms. */
  now(): number;
  close(): Promise<void>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function appendOf(
  target: TopicPartition,
  values: readonly (string | null)[],
  timestamp: number = 1000,
): Append {
  const builder = new RecordBatchBuilder();
  for (const [i, value] of values.entries()) {
    builder.append(
      timestamp + i,
      encoder.encode(`k${i}`),
      value === null ? null : encoder.encode(value),
    );
  }
  const { recordCount, maxTimestamp } = builder;
  return { ...target, batches: builder.build(), recordCount, maxTimestamp };
}

export function readAll(
  broker: Broker,
  target: TopicPartition,
  from: number = 0,
  bytesMax: number = 1 << 20,
): string[] {
  const cursor = new RecordCursor();
  const values: string[] = [];
  let offset = from;
  for (;;) {
    const batches = broker.read(target, offset, bytesMax);
    if (batches === undefined) return values;
    cursor.reset(batches.bytes);
    while (cursor.next()) {
      if (cursor.offset < offset) continue;
      expect(cursor.offset).toBe(offset);
      offset = cursor.offset + 1;
      values.push(
        cursor.valueStart < 0
          ? 'null'
          : decoder.decode(cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd)),
      );
    }
  }
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return isMillraceError(error) ? error.code : String(error);
  }
}

export function codeThrown(run: () => unknown): string {
  try {
    run();
    return 'no error';
  } catch (error) {
    return isMillraceError(error) ? error.code : String(error);
  }
}

const t0: TopicPartition = { topic: 't', partition: 0 };
const t1: TopicPartition = { topic: 't', partition: 1 };

export function brokerContract(name: string, open: () => Promise<BrokerHarness>): void {
  describe(`${name} is a broker`, () => {
    let harness: BrokerHarness;
    let broker: Broker;

    beforeEach(async () => {
      harness = await open();
      broker = harness.broker;
    });

    afterEach(() => harness.close());

    const commitOf = (incarnation: number, epoch: number, rest: Partial<Commit> = {}): Commit => ({
      task: 'job-0',
      incarnation,
      epoch,
      clockMs: 5,
      positions: [],
      appends: [],
      ...rest,
    });

    test('topics are made, described, listed and deleted', async () => {
      await broker.createTopic('b', { partitions: 3 });
      await broker.createTopic('a');
      await broker.createTopic('hidden', { internal: true });
      expect(broker.listTopics().map((t) => t.name)).toEqual(['a', 'b']);
      expect(broker.describeTopic('b')).toMatchObject({
        name: 'b',
        internal: false,
        partitions: [{ partition: 0, start: 0, end: 0, bytes: 0 }, {}, {}],
      });
      expect(broker.describeTopic('hidden')?.internal).toBe(true);
      expect(await codeOf(broker.createTopic('a'))).toBe('TOPIC_EXISTS');
      await broker.deleteTopic('a');
      expect(broker.describeTopic('a')).toBeUndefined();
      expect(await codeOf(broker.deleteTopic('a'))).toBe('TOPIC_MISSING');
    });

    test('a deleted topic comes back empty', async () => {
      await broker.createTopic('t');
      await broker.append([appendOf(t0, ['old'])]);
      await broker.deleteTopic('t');
      await broker.createTopic('t');
      expect(broker.endOf(t0)).toBe(0);
      await broker.append([appendOf(t0, ['new'])]);
      expect(readAll(broker, t0)).toEqual(['new']);
    });

    test.each(['', '.', '..', 'a b', 'ü', 'x'.repeat(250), 'a/b'])(
      'refuses the topic name %j',
      async (topic) => {
        expect(await codeOf(broker.createTopic(topic))).toBe('INVALID');
      },
    );

    test.each([0, -1, 1.5, Number.NaN, 100_000])('refuses %d partitions', async (partitions) => {
      expect(await codeOf(broker.createTopic('t', { partitions }))).toBe('INVALID');
    });

    test('records are read back with their offsets, from any offset and with any read size', async () => {
      await broker.createTopic('t', { partitions: 2 });
      const expected: string[] = [];
      for (let i = 0; i < 50; i++) {
        const values = Array.from({ length: (i % 4) + 1 }, (_, j) => `value ${i}.${j}`);
        expected.push(...values);
        const [appended] = await broker.append([appendOf(t0, values)]);
        expect(appended?.baseOffset).toBe(expected.length - values.length);
      }
      for (const from of [0, 1, 2, 17, expected.length - 1, expected.length]) {
        for (const bytesMax of [1, 200, 1 << 20]) {
          expect(readAll(broker, t0, from, bytesMax)).toEqual(expected.slice(from));
        }
      }
      expect(readAll(broker, t1)).toEqual([]);
    });

    test('appends handed in together get offsets in their order', async () => {
      await broker.createTopic('t', { partitions: 2 });
      const answers = await Promise.all([
        broker.append([appendOf(t0, ['a', 'b']), appendOf(t1, ['x'])]),
        broker.append([appendOf(t0, ['c']), appendOf(t0, ['d'])]),
      ]);
      expect(answers.flat().map((a) => [a.partition, a.baseOffset])).toEqual([
        [0, 0],
        [1, 0],
        [0, 2],
        [0, 3],
      ]);
      expect(readAll(broker, t0)).toEqual(['a', 'b', 'c', 'd']);
    });

    test('an append to what is not there is refused, and the others go on', async () => {
      await broker.createTopic('t');
      const results = await Promise.all([
        codeOf(broker.append([appendOf(t0, ['a'])])),
        codeOf(broker.append([appendOf({ topic: 'none', partition: 0 }, ['b'])])),
        codeOf(broker.append([appendOf(t1, ['c'])])),
        codeOf(broker.append([appendOf(t0, ['d'])])),
      ]);
      expect(results).toEqual(['no error', 'TOPIC_MISSING', 'INVALID', 'no error']);
      expect(readAll(broker, t0)).toEqual(['a', 'd']);
    });

    test('a refused append leaves nothing, not even in its other partitions', async () => {
      await broker.createTopic('t');
      expect(await codeOf(broker.append([appendOf(t0, ['a']), appendOf(t1, ['b'])]))).toBe(
        'INVALID',
      );
      expect(broker.endOf(t0)).toBe(0);
    });

    test('a timestamp far in the future is refused', async () => {
      await broker.createTopic('t');
      const year = 365 * 24 * 3600 * 1000;
      expect(await codeOf(broker.append([appendOf(t0, ['a'], harness.now() + year)]))).toBe(
        'INVALID',
      );
      await broker.createTopic('far', { futureTimestampsMaxMs: 2 * year });
      await broker.append([appendOf({ topic: 'far', partition: 0 }, ['a'], harness.now() + year)]);
    });

    test('reading before the start or beyond the end is refused', async () => {
      await broker.createTopic('t');
      await broker.append([appendOf(t0, ['a', 'b', 'c'])]);
      await broker.deleteRecordsBefore({ ...t0, offset: 1 });
      expect(broker.startOf(t0)).toBe(1);
      expect(codeThrown(() => broker.read(t0, 0, 100))).toBe('OFFSET_OUT_OF_RANGE');
      expect(codeThrown(() => broker.read(t0, 4, 100))).toBe('OFFSET_OUT_OF_RANGE');
      expect(broker.read(t0, 3, 100)).toBeUndefined();
      expect(readAll(broker, t0, 1)).toEqual(['b', 'c']);
    });

    test('offsets are found by timestamp', async () => {
      await broker.createTopic('t');
      await broker.append([appendOf(t0, ['a', 'b'], 100)]);
      await broker.append([appendOf(t0, ['c', 'd'], 50)]); // out of order
      await broker.append([appendOf(t0, ['e'], 200)]);
      expect([0, 100, 101, 102, 200, 201].map((ts) => broker.offsetAtTimestamp(t0, ts))).toEqual([
        0, 0, 1, 4, 4, 5,
      ]);
    });

    test('a claim answers where the task stands, and commits follow one another', async () => {
      await broker.createTopic('t', { partitions: 2 });
      const first = await broker.claim('job-0');
      expect(first).toMatchObject({ incarnation: 1, epoch: 0, positions: [], clockMs: 0 });
      await broker.append([appendOf(t0, ['in1', 'in2'])]);
      await broker.commit(
        commitOf(1, 1, { positions: [{ ...t0, offset: 2 }], appends: [appendOf(t1, ['out'])] }),
      );
      expect(await codeOf(broker.commit(commitOf(1, 1)))).toBe('FENCED');
      expect(await codeOf(broker.commit(commitOf(1, 3)))).toBe('FENCED');
      await broker.commit(commitOf(1, 2)); // hazard 7: a commit without input and output
      await broker.release(first);
      const second = await broker.claim('job-0');
      expect(second).toMatchObject({
        incarnation: 2,
        epoch: 2,
        clockMs: 5,
        positions: [{ topic: 't', partition: 0, offset: 2 }],
      });
      expect(readAll(broker, t1)).toEqual(['out']);
    });

    test('a task is claimed once, unless it is taken over', async () => {
      await broker.claim('job-0');
      expect(await codeOf(broker.claim('job-0'))).toBe('TASK_HELD');
      expect((await broker.claim('job-0', { takeOver: true })).incarnation).toBe(2);
    });

    test('a task is described: how far it is, and who holds it', async () => {
      await broker.createTopic('t', { partitions: 2 });
      expect(broker.describeTask('job-0')).toBeUndefined();
      await broker.append([appendOf(t0, ['in'])]);
      const claim = await broker.claim('job-0');
      const holder = { instance: expect.any(String), host: expect.any(String), isThis: true };
      expect(broker.describeTask('job-0')).toEqual({
        ...{ task: 'job-0', incarnation: 1, epoch: 0, positions: [] },
        holder: { ...holder, pid: expect.any(Number), isLive: true },
      });
      await broker.commit(commitOf(1, 1, { positions: [{ ...t0, offset: 1 }] }));
      expect(broker.describeTask('job-0')).toMatchObject({
        ...{ epoch: 1, positions: [{ ...t0, offset: 1 }], holder },
      });
      await broker.release(claim);
      expect(broker.describeTask('job-0')).toMatchObject({
        ...{ incarnation: 1, epoch: 1, holder: undefined },
      });
      await broker.claim('job-0');
      expect(broker.describeTask('job-0')).toMatchObject({ incarnation: 2, holder });
    });

    test('nothing of a member is seen after its successor claimed the task', async () => {
      await broker.createTopic('t');
      await broker.claim('job-0');
      await broker.claim('job-0', { takeOver: true });
      const zombie = commitOf(1, 1, { appends: [appendOf(t0, ['zombie'])] });
      expect(await codeOf(broker.commit(zombie))).toBe('FENCED');
      expect(await codeOf(broker.release({ task: 'job-0', incarnation: 1 }))).toBe('FENCED');
      expect(
        await codeOf(
          broker.deleteRecordsBefore({ ...t0, offset: 0 }, { task: 'job-0', incarnation: 1 }),
        ),
      ).toBe('FENCED');
      expect(broker.endOf(t0)).toBe(0);
    });

    test('only the newest member does what is done while nobody claims', async () => {
      const first = await broker.claim('job-0');
      expect(await broker.whileNewest(first, () => 'done')).toBe('done');
      const failing = () => {
        throw new Error('it failed');
      };
      await expect(broker.whileNewest(first, failing)).rejects.toThrow('it failed');
      let calls = 0;
      const results = await Promise.all([
        codeOf(broker.whileNewest(first, () => calls++)),
        codeOf(broker.claim('job-0', { takeOver: true })),
        codeOf(broker.whileNewest(first, () => calls++)),
      ]);
      expect(results).toEqual(['no error', 'no error', 'FENCED']);
      expect(calls).toBe(1);
      expect(await codeOf(broker.commit(commitOf(2, 1)))).toBe('no error');
    });

    test('a claim and a commit handed in together are decided in their order', async () => {
      await broker.claim('job-0');
      const results = await Promise.all([
        codeOf(broker.commit(commitOf(1, 1))),
        codeOf(broker.claim('job-0', { takeOver: true })),
        codeOf(broker.commit(commitOf(1, 2))),
        codeOf(broker.commit(commitOf(2, 2))),
        codeOf(broker.commit(commitOf(2, 3))),
      ]);
      expect(results).toEqual(['no error', 'no error', 'FENCED', 'no error', 'no error']);
    });

    test('a position beyond the end is refused', async () => {
      await broker.createTopic('t');
      await broker.claim('job-0');
      expect(
        await codeOf(broker.commit(commitOf(1, 1, { positions: [{ ...t0, offset: 1 }] }))),
      ).toBe('OFFSET_OUT_OF_RANGE');
    });

    test('incarnations and epochs count far beyond 16 bits', async () => {
      await broker.claim('job-0');
      for (let epoch = 1; epoch <= 300; epoch++) await broker.commit(commitOf(1, epoch));
      expect((await broker.claim('job-0', { takeOver: true })).epoch).toBe(300);
    });

    test('a producer may repeat its last append', async () => {
      await broker.createTopic('t', { partitions: 2 });
      const send = (sequence: number, values: string[]) =>
        broker.append([appendOf(t0, values), appendOf(t1, values)], { id: 'p', sequence });
      const first = await send(0, ['a']);
      expect(await send(0, ['a'])).toEqual(first);
      await send(1, ['b']);
      expect(await codeOf(send(3, ['d']))).toBe('INVALID');
      expect(await codeOf(send(0, ['a']))).toBe('INVALID');
      expect(readAll(broker, t0)).toEqual(['a', 'b']);
      expect(readAll(broker, t1)).toEqual(['a', 'b']);
    });

    test('subscribers hear of what was appended, until they close', async () => {
      await broker.createTopic('t');
      let heard = 0;
      const subscription = broker.subscribe(() => heard++);
      await broker.append([appendOf(t0, ['a'])]);
      expect(heard).toBeGreaterThan(0);
      const before = heard;
      subscription.close();
      await broker.append([appendOf(t0, ['b'])]);
      expect(heard).toBe(before);
    });

    test('a closed broker refuses', async () => {
      await broker.createTopic('t');
      const last = broker.append([appendOf(t0, ['a'])]);
      await broker.close();
      await last; // what was handed in before is finished
      expect(await codeOf(broker.append([appendOf(t0, ['b'])]))).toBe('CLOSED');
    });
  });
}
