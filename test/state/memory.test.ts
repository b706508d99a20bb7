/**
 * What state in memory counts as is a formula. Here it is held against what a process takes, for
 * entries of many shapes: the limit of `stateMemoryMax` is worth as much as the formula.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type Filled, type Shape, shapeNames } from './filled-state.ts';

const mib = 2 ** 20;
const program = fileURLToPath(new URL('./filled-state.ts', import.meta.url));

async function filled(shape: Shape, bytes: number): Promise<Filled> {
  const args = ['--expose-gc', program, shape, String(bytes)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Filled; // as the program prints it
}

describe('state that counts as 16 MiB', () => {
  test.concurrent.each(shapeNames)('takes about that, and not more: %s', async (shape) => {
    const { entries, counted, live, rss } = await filled(shape, 16 * mib);
    expect(entries).toBeGreaterThan(100);
    expect(counted).toBeGreaterThanOrEqual(16 * mib);
    expect(live / counted).toBeGreaterThan(0.5);
    expect(live).toBeLessThan(counted + 2 * mib); // two slabs that are filled in part
    expect(rss).toBeLessThan(counted + 60 * mib); // garbage, and room that V8 keeps
  });
});
