/** Where a job begins to read: resolved once, and committed before the first record is read. */
import { describe, expect, test } from 'vitest';
import { RecordBatchBuilder } from '../../../src/broker/index.ts';
import { job, topic } from '../../../src/dsl/index.ts';
import { json, string } from '../../../src/formats/index.ts';
import type { Job, StartPosition } from '../../../src/runtime/index.ts';
import { ScriptRun, scriptStartsAt, valuesOf } from '../../support/operator-harness.ts';
import type { CommitFate } from '../../support/operator-harness-broker.ts';
import { type Mode, otherModes, plainMode } from '../../support/operator-harness-modes.ts';

const numbersOf = (name: string) => topic(name, { key: string(), value: json<number>() });
const numbers = numbersOf('numbers');
const others = numbersOf('others');
const seen = topic('seen', { key: string(), value: json<number>(), partitions: 1 });

/** Copies what it reads. */
const copying = (start?: StartPosition, alsoFrom?: StartPosition): Job =>
  job('copying', ({ from }) => {
    from(numbers, start === undefined ? {} : { start }).to(seen);
    if (alsoFrom !== undefined) from(others, { start: alsoFrom }).to(seen);
  });

const record = (value: number, timestamp = 0, partition = 0) => ({ value, timestamp, partition });

/** Partitions 0 and 1 with three and two records; no job has run. */
async function filled(start?: StartPosition, mode: Mode = plainMode): Promise<ScriptRun> {
  const run = new ScriptRun(copying(start), mode);
  await run.makeTopics(2);
  await run.append([record(1, 10), record(2, 20), record(3, 30)]);
  await run.append([record(4, 15, 1), record(5, 25, 1)]);
  return run;
}

const read = (run: ScriptRun) => (valuesOf(run.outputs(), 'seen') as number[]).toSorted();
const positions = (run: ScriptRun) =>
  run.handle.status().partitions.map(({ position }) => position);

describe('a job without positions begins', () => {
  const cases: [string, StartPosition | undefined, number[]][] = [
    ['at the earliest record, unless told otherwise', undefined, [1, 2, 3, 4, 5]],
    ['at the earliest record', 'earliest', [1, 2, 3, 4, 5]],
    ['behind the latest record', 'latest', []],
    ['at the first record of a timestamp', { timestamp: 20 }, [2, 3, 5]],
    ['at the first record after a timestamp', { timestamp: 16 }, [2, 3, 5]],
    ['at the first record, for a timestamp before all', { timestamp: -1 }, [1, 2, 3, 4, 5]],
    ['where a partition ends, for a timestamp behind its last', { timestamp: 26 }, [3]],
    ['at the end, for a timestamp that nobody has reached', { timestamp: scriptStartsAt }, []],
  ];
  test.each(cases)('%s', async (_, start, expected) => {
    const run = await filled(start);
    await run.start();
    expect(read(run)).toEqual(expected);
    await run.append([record(6, 40), record(7, 41, 1)]);
    expect(read(run)).toEqual([...expected, 6, 7]);
  });

  test('where the log begins, if what lay before was removed', async () => {
    for (const start of ['earliest', { timestamp: 0 }] as const) {
      const run = await filled(start);
      const removed = { topic: 'numbers', partition: 0, offset: 2 };
      await run.machine.until(run.broker.deleteRecordsBefore(removed));
      await run.start();
      expect(read(run)).toEqual([3, 4, 5]);
    }
  });
});

describe('a job with positions goes on there, whatever its start:', () => {
  test.each(['earliest', 'latest', { timestamp: 20 }] as const)('%o', async (start) => {
    const run = await filled(start);
    await run.start();
    await run.stop();
    const before = read(run);
    await run.append([record(6, 1), record(7, 99, 1)]);
    for (const other of ['latest', 'earliest', { timestamp: 100 }] as const) {
      await run.start(copying(other));
      await run.stop();
      expect(read(run)).toEqual([...before, 6, 7]);
    }
  });

  test('a source that is new begins where it is told to', async () => {
    for (const [start, expected] of [
      ['earliest', [1, 2, 3, 4, 5, 8]],
      ['latest', [1, 2, 3, 4, 5]],
    ] as const) {
      const run = await filled();
      await run.start();
      await run.stop();
      await run.machine.until(run.broker.createTopic('others', { partitions: 1 }));
      await run.start(job('filling', ({ from }) => from(numbers, { start: 'latest' }).to(others)));
      await run.append([record(8)]);
      await run.stop();
      await run.start(copying('latest', start));
      expect(read(run)).toEqual([...expected, 8].toSorted());
    }
  });

  test('a position before the beginning of the log is refused', async () => {
    const run = await filled();
    await run.start();
    await run.stop();
    await run.append([record(6), record(7)]);
    const removed = { topic: 'numbers', partition: 0, offset: 4 };
    await run.machine.until(run.broker.deleteRecordsBefore(removed));
    await expect(run.start()).rejects.toThrow(
      expect.objectContaining({
        code: 'OFFSET_OUT_OF_RANGE',
        message: expect.stringMatching(/stands at offset 3 of numbers\/0, but .* begins at 4/),
      }),
    );
  });
});

describe('a start position', () => {
  test('is committed before a record is read', async () => {
    const run = await filled('latest');
    await run.start();
    expect(run.broker.status().commits).toBe(1);
    expect(positions(run)).toEqual([3, 2]);
    await run.step({ downtimeMs: 1000 });
    expect(run.broker.status().commits).toBe(1); // found, and not made again
    await run.stop();
    await run.append([record(6)]); // while no job runs
    await run.start();
    expect(read(run)).toEqual([6]);
  });

  test.each([
    ['crash after', [6]],
    ['crash before', []],
  ] as const)('is resolved again only where its commit never was: %s', async (fate, expected) => {
    let comesMeanwhile = () => {};
    const atCommit = (n: number): CommitFate => {
      if (n > 1) return 'keep';
      comesMeanwhile();
      return fate;
    };
    const run = await filled('latest', { ...plainMode, atCommit });
    const batch = new RecordBatchBuilder();
    batch.append(50, null, numbers.value.encode(6));
    const append = { topic: 'numbers', partition: 0, recordCount: 1, maxTimestamp: 50 };
    comesMeanwhile = () => {
      run.broker.append([{ ...append, batches: batch.build() }]).catch(() => {}); // seen below
    };
    await run.start();
    expect(run.runs).toBe(2);
    expect(positions(run)).toEqual([4, 2]);
    expect(read(run)).toEqual(expected);
  });

  test('is committed by a job that reads nothing, and of an empty topic', async () => {
    const run = new ScriptRun(copying('latest'), otherModes[5]);
    await run.makeTopics(3);
    await run.start();
    expect(run.broker.status().commits).toBe(1);
    expect(positions(run)).toEqual([0, 0, 0]);
    await run.step({ records: [record(1), record(2, 0, 2)] });
    expect(read(run)).toEqual([1, 2]);
  });
});
