/** What every `Sink` keeps; each runs this suite. */
import { describe, expect, test } from 'vitest';
import { deliver, ingest, iterable, type Sink } from '../../src/connectors/index.ts';
import { MillraceError } from '../../src/platform/index.ts';
import type { Log } from '../../src/runtime/index.ts';
import { type Cup, cups, makeCups, memoryLog, upTo } from '../connectors/fixtures.ts';

export interface SinkHarness {
  readonly guarantee: 'exactly once' | 'at least once';
  /** The sink, as a program that is started again would make it. */
  sink(): Sink<string, Cup>;
  /** What the target has, with the ids of the records where it has them. */
  contents(): Promise<readonly { readonly price: number; readonly id?: string }[]>;
}

async function fill(log: Log, count: number): Promise<void> {
  await (await ingest(iterable(makeCups(count)), cups, { data: log })).done;
}

async function deliverAll(log: Log, sink: Sink<string, Cup>): Promise<void> {
  await (await deliver(cups, sink, { data: log })).stop({ drain: true });
}

/** The process dies in the write with this number, before or after it is done. */
function dying<Key, Value>(
  sink: Sink<Key, Value>,
  at: number,
  when: 'before' | 'after',
): Sink<Key, Value> {
  const dead = new MillraceError('IO', 'dead');
  let writes = 0;
  return {
    ...sink,
    batchRecordsMax: 7,
    async open(context) {
      const opened = await sink.open(context);
      return {
        positions: opened.positions,
        mark: opened.mark,
        async write(batch) {
          writes++;
          if (writes === at && when === 'before') throw dead;
          const mark = await opened.write(batch);
          if (writes === at) throw dead;
          return mark;
        },
        close: () => opened.close(),
      };
    },
  };
}

export function sinkContract(name: string, harness: () => Promise<SinkHarness>): void {
  describe(`${name} as a sink`, () => {
    const sorted = async ({ contents }: SinkHarness) =>
      (await contents()).map(({ price }) => price).sort((a, b) => a - b);

    test('has all records, and goes on where it was', async () => {
      const target = await harness();
      const log = memoryLog();
      for (const count of [0, 1, 40, 40, 41, 100]) {
        await fill(log, count);
        await deliverAll(log, target.sink());
        expect(await sorted(target)).toEqual(upTo(count));
      }
    });

    test('has the records of a partition in their order', async () => {
      const target = await harness();
      const log = memoryLog();
      await fill(log, 60);
      await deliverAll(log, target.sink());
      const prices = (await target.contents()).map(({ price }) => price);
      for (const partition of [0, 1]) {
        const of = prices.filter((price) => price % 2 === partition);
        expect(of).toEqual([...of].sort((a, b) => a - b));
      }
    });

    test.each(['before', 'after'] as const)(
      'misses nothing after a death %s a write',
      async (when) => {
        const target = await harness();
        const log = memoryLog();
        await fill(log, 30);
        for (const at of [1, 1, 2]) {
          const handle = await deliver(cups, dying(target.sink(), at, when), { data: log });
          await expect(handle.done).rejects.toThrow('dead');
        }
        await deliverAll(log, target.sink());
        if (target.guarantee === 'exactly once') {
          expect(await sorted(target)).toEqual(upTo(30));
          return;
        }
        const byId = new Map((await target.contents()).map(({ id, price }) => [id, price]));
        expect([...byId.values()].sort((a, b) => a - b)).toEqual(upTo(30));
      },
    );

    test('ends when the delivery is stopped at once', async () => {
      const log = memoryLog();
      await fill(log, 10);
      const handle = await deliver(cups, (await harness()).sink(), { data: log });
      await handle.stop();
      expect(handle.status().state).toBe('ended');
    });
  });
}
