import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { type EmbeddedBrokerOptions, openBroker } from '../../src/broker/index.ts';
import { journalPath } from '../../src/broker/journal-file.ts';
import { nodePlatform } from '../../src/platform/index.ts';
import { appendOf, brokerContract, readAll } from '../contracts/broker.ts';

const t0 = { topic: 't', partition: 0 };

/** Small files, so that every test rolls, sorts and saves. */
const small: EmbeddedBrokerOptions = { journalFileBytes: 64 * 1024, largeBytes: 16 * 1024 };

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

for (const [name, options] of [
  ['EmbeddedBroker', { journalFileBytes: 1024 * 1024 }],
  ['EmbeddedBroker with small files', { ...small, recentBytesMax: 0 }],
] as const) {
  brokerContract(name, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-'));
    const platform = nodePlatform();
    const broker = await openBroker(platform, directory, { durability: 'process', ...options });
    return {
      broker,
      now: () => Date.now(),
      close: async () => {
        await broker.close();
        await platform.background.close();
        rmSync(directory, { recursive: true });
      },
    };
  });
}

describe('a data directory', () => {
  test('gives back after reopening what was committed, through many journal files', async () => {
    await inDirectory(async (directory) => {
      const expected: string[] = [];
      for (let round = 0; round < 3; round++) {
        const values = Array.from(
          { length: 400 },
          (_, i) => `${round}.${i} ${'x'.repeat(sizeOf(i))}`,
        );
        expected.push(...values);
        await appendInSession(directory, values, expected);
      }
    });
  });
});

describe('a journal file', () => {
  test('that another process made too small for an entry is passed over', async () => {
    await inDirectory(async (directory) => {
      const platform = nodePlatform();
      const frugal = { journalFileBytes: 16 * 1024, durability: 'process' } as const;
      const first = await openBroker(platform, directory, frugal);
      await first.createTopic('t', { partitions: 1 });
      for (let i = 0; i < 5; i++) await first.append([appendOf(t0, ['a'.repeat(2000)])]);
      await vi.waitUntil(() => existsSync(journalPath(directory, 2))); // the first is half full
      const second = await openBroker(platform, directory, { durability: 'process' });
      await second.append([appendOf(t0, ['b'.repeat(50_000)])]);
      await first.append([appendOf(t0, ['c'])]);
      expect(readAll(first, t0).map((value) => value.at(-1))).toEqual([...'aaaaabc']);
      await second.close();
      await first.close();
      await platform.background.close();
    });
  });
});

describe('a segment of large appends', () => {
  test('is not used again once its records are gone and it may be removed', async () => {
    await inDirectory(async (directory) => {
      const platform = nodePlatform();
      const broker = await openBroker(platform, directory, small);
      await broker.createTopic('t');
      await broker.createTopic('other');
      for (let round = 0; round < 5; round++) {
        const kept = `${round} ${'x'.repeat(30_000)}`;
        await broker.append([appendOf(t0, [kept])]);
        expect(readAll(broker, t0, broker.startOf(t0))).toEqual([kept]);
        await broker.deleteRecordsBefore({ ...t0, offset: broker.endOf(t0) });
        const filler = appendOf({ topic: 'other', partition: 0 }, ['y'.repeat(10_000)]);
        for (let i = 0; i < 14; i++) await broker.append([{ ...filler }]); // rolls
        await vi.waitUntil(() => largeFiles(directory).length === 0, 30_000); // sorted, and cleaned up
      }
      const last = 'z'.repeat(30_000);
      await broker.append([appendOf(t0, [last])]);
      await broker.close();
      const reopened = await openBroker(platform, directory, small);
      expect(readAll(reopened, t0, reopened.startOf(t0))).toEqual([last]);
      await reopened.close();
      await platform.background.close();
    });
  });
});

function largeFiles(directory: string): string[] {
  return readdirSync(join(directory, 'topics/1-t/0')).filter((name) => name.startsWith('large'));
}

/** Every fiftieth is a large append. */
function sizeOf(index: number): number {
  return index % 50 === 0 ? 40_000 : 300;
}

async function appendInSession(
  directory: string,
  values: readonly string[],
  expected: readonly string[],
): Promise<void> {
  const platform = nodePlatform();
  const broker = await openBroker(platform, directory, small);
  if (broker.describeTopic('t') === undefined) await broker.createTopic('t');
  for (const value of values) await broker.append([appendOf(t0, [value])]);
  expect(readAll(broker, t0)).toEqual(expected);
  expect(broker.status().housekeepingError).toBeUndefined();
  await broker.close();
  await platform.background.close();
}
