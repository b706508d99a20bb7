/** How much of the state is in memory where nothing is said about it. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { Platform } from '../../src/platform/index.ts';
import { readAll } from '../support/operator-harness.ts';
import { counts, Folded } from './folded-job.ts';

const withMemory =
  (memoryBytesMax: number) =>
  (of: Platform): Platform => ({ ...of, process: { ...of.process, memoryBytesMax } });

test.each([
  [2 ** 32, 501, 501],
  [120_000, 1, 300],
])('of a process that may take %i bytes state takes a quarter at most', async (bytes, ...range) => {
  const folded = new Folded();
  const handle = await folded.start({}, withMemory(bytes));
  for (let round = 0; round < 3; round++) {
    await folded.append(500);
    await folded.machine.advance(5000);
  }
  await folded.append(1); // a commit, after which those may go that are folded
  const { stateEntries } = handle.metrics();
  expect(stateEntries).toBeGreaterThanOrEqual(range[0] ?? 0);
  expect(stateEntries).toBeLessThanOrEqual(range[1] ?? 0);
  const values = readAll(folded.broker, counts, 0).map(({ value }) => value);
  expect(values.slice(-501, -1)).toEqual(Array.from({ length: 500 }, () => ({ n: 3 })));
});

test('what a process may take is what its heap may, where that is less', () => {
  const platform = new URL('../../src/platform/index.ts', import.meta.url).href;
  const script = `import { nodePlatform } from '${platform}';
    process.stdout.write(String(nodePlatform().process.memoryBytesMax));`;
  const bytesWith = (heapMib: number) => {
    const flags = [`--max-old-space-size=${heapMib}`, '--input-type=module'];
    return Number(execFileSync(process.execPath, [...flags, '-e', script]));
  };
  const [small, larger] = [bytesWith(50), bytesWith(150)];
  expect(small).toBeGreaterThanOrEqual(50 * 2 ** 20);
  expect(larger - small).toBe(100 * 2 ** 20);
});
