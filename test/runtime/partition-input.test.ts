import { describe, expect, test } from 'vitest';
import { MemoryBroker, RecordBatchBuilder } from '../../src/broker/index.ts';
import { json, string } from '../../src/formats/index.ts';
import { PartitionInput } from '../../src/runtime/partition-input.ts';
import { SimulatedMachine } from '../support/simulated-platform.ts';

const partition = { topic: 'numbers', partition: 0 };
const value = json<number>();

/** A partition with one batch for each list of numbers, and an input that reads it. */
class Read {
  readonly #machine = new SimulatedMachine();
  readonly #broker = new MemoryBroker({ clock: this.#machine.process().platform.clock });

  static async of(...batches: readonly number[][]): Promise<Read> {
    const read = new Read();
    await read.#machine.until(read.#broker.createTopic('numbers', { partitions: 1 }));
    for (const numbers of batches) await read.append(...numbers);
    return read;
  }

  async append(...numbers: readonly number[]): Promise<void> {
    const builder = new RecordBatchBuilder();
    for (const number of numbers) builder.append(number, null, value.encode(number));
    const recordCount = numbers.length;
    const batches = builder.build();
    const append = { ...partition, batches, recordCount, maxTimestamp: Math.max(...numbers) };
    await this.#machine.until(this.#broker.append([append]));
  }

  input(position = 0): PartitionInput {
    const node = {
      kind: 'source',
      id: 0,
      name: undefined,
      topic: { name: 'numbers', key: string(), value, partitions: undefined },
      eventTime: undefined,
      outOfOrdernessMs: 0,
      idleAfterMs: 0,
      quietAfterMs: 0,
      start: 'earliest',
    } as const;
    const source = { node, keys: undefined, partials: undefined, receiver: { receive: () => {} } };
    return new PartitionInput(this.#broker, source, { partition: 0, position });
  }
}

/** Reads what there is. */
function rest(input: PartitionInput): unknown[] {
  const values: unknown[] = [];
  for (; input.hasNext; input.consume()) values.push(input.value);
  return values;
}

describe('a partition is read', () => {
  test('up to the end that was noted, and on from there once another is', async () => {
    const read = await Read.of([1, 2], [3]);
    const input = read.input();
    expect(rest(input)).toEqual([]); // nothing noted yet
    input.noteEnd();
    expect([input.value, input.end]).toEqual([1, 3]);
    await read.append(4, 5);
    expect(rest(input)).toEqual([1, 2, 3]);
    expect([input.position, input.hasNext]).toEqual([3, false]);
    input.noteEnd();
    expect(rest(input)).toEqual([4, 5]);
    expect(input.position).toBe(5);
  });

  test('and what came since stays unread, although it was fetched already', async () => {
    const read = await Read.of([1]);
    const input = read.input();
    input.noteEnd();
    await read.append(2);
    input.noteEnd();
    await read.append(3);
    expect(rest(input)).toEqual([1, 2]); // 2 and 3 were fetched together
    input.noteEnd();
    expect(rest(input)).toEqual([3]);
  });

  test.each([0, 1, 2, 3, 4])('from position %i, in the middle of a batch or not', async (from) => {
    const read = await Read.of([0, 1, 2], [3]);
    const input = read.input(from);
    input.noteEnd();
    expect(rest(input)).toEqual([0, 1, 2, 3].slice(from));
    expect(input.position).toBe(4);
  });
});
