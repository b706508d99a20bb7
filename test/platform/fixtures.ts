/** Functions that tests run in the background. */
import { threadId } from 'node:worker_threads';
import { MillraceError, type Platform } from '../../src/platform/index.ts';

let calls = 0;

export function double(argument: number): { readonly result: number; readonly threadId: number } {
  return { result: argument * 2, threadId };
}

export function countCalls(): number {
  calls += 1;
  return calls;
}

export function refuse(): never {
  throw new MillraceError('DISK_FULL', 'no space here', { retryable: true });
}

export function throwPlain(): never {
  throw new TypeError('plain');
}

export function die(): never {
  process.exit(3);
}

export function passFailpoint(_argument: unknown, platform: Platform): string {
  platform.failpoint('sort.written');
  return 'passed';
}

export function countDown(from: number, _: Platform, report: (of: unknown) => void): void {
  for (let left = from - 1; left >= 0; left--) report({ left });
}

export async function order(argument: { turns: number; log: SharedArrayBuffer }): Promise<number> {
  const log = new Int32Array(argument.log);
  for (let i = 0; i < argument.turns; i++) await new Promise((resolve) => setImmediate(resolve));
  return Atomics.add(log, 0, 1);
}
