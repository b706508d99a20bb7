/** Children of a test: programs that run as processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Of each thread: one that runs out of memory is to do so soon. */
const heapLimit = '--max-old-space-size=256';

/** Halves the time in which a child starts. */
const compileCache = join(tmpdir(), 'millrace-compile-cache');

export interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

/** Starts a program of this folder, on this Node.js. */
export function start(program: string, ...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [heapLimit, join(import.meta.dirname, program), ...args], {
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  });
}

/** How it ended; rejects where it failed by itself. `onLine` sees each line of standard error. */
export function ended(
  child: ChildProcess,
  onLine: (line: string) => void = () => {},
): Promise<Ended> {
  let output = '';
  let errors = '';
  child.stdout?.on('data', (data) => {
    output += data;
  });
  child.stderr?.on('data', (data) => {
    errors += data;
    for (const line of String(data).trimEnd().split('\n')) onLine(line);
  });
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      if (code !== 0 && signal === null) reject(new Error(errors));
      else resolve({ signal, output, errors });
    });
  });
}
