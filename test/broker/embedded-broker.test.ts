import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type EmbeddedBrokerOptions, openBroker } from '../../src/broker/index.ts';
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
