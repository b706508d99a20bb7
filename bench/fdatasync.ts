/**
 * The machine's own fdatasync, beside every figure: 2 KiB into a file that is preallocated, as a
 * commit does it.
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { percentile } from './figures.ts';

const writes = 2000;

export function measureFdatasync(): { fdatasyncP50Ms: number; fdatasyncP99Ms: number } {
  const path = join(tmpdir(), `millrace-fdatasync-${process.pid}`);
  const file = openSync(path, 'w+');
  const megabyte = Buffer.alloc(2 ** 20);
  for (let i = 0; i < 8; i++) writeSync(file, megabyte, 0, megabyte.length, i * 2 ** 20);
  fsyncSync(file);
  const bytes = Buffer.alloc(2048, 1);
  const times = Array.from({ length: writes }, (_, i) => {
    const began = performance.now();
    writeSync(file, bytes, 0, bytes.length, i * 2048);
    fdatasyncSync(file);
    return performance.now() - began;
  });
  closeSync(file);
  rmSync(path);
  return { fdatasyncP50Ms: percentile(times, 0.5), fdatasyncP99Ms: percentile(times, 0.99) };
}
