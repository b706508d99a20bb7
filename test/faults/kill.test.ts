/**
 * kill -9 of real processes: at every named step five times in a row, each process going on where
 * the last one died, and at random. The output must be that of an uninterrupted run.
 * `MILLRACE_KILLS=200` runs more random ones.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failpoints } from '../../src/platform/index.ts';
import { seededChoices } from '../support/choices.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-kill-'));
const child = join(import.meta.dirname, 'child.ts');
const crashesEach = 5;
const randomKills = Number(process.env.MILLRACE_KILLS ?? 40);

interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly worked: boolean;
}

let expected = '';

beforeAll(async () => {
  expected = (await ended(start(join(root, 'intact')))).output;
  expect(expected.length).toBeGreaterThan(10_000);
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function start(directory: string, ...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [child, directory, ...args]);
}

function ended(process: ChildProcess, onWorking: () => void = () => {}): Promise<Ended> {
  let output = '';
  let errors = '';
  process.stdout?.on('data', (data) => {
    output += data;
  });
  process.stderr?.on('data', (data) => {
    errors += data;
    if (errors.endsWith('working\n')) onWorking();
  });
  return new Promise((resolve, reject) => {
    process.on('close', (code, signal) => {
      if (code !== 0 && signal === null) reject(new Error(errors));
      else resolve({ signal, output, worked: errors.includes('working') });
    });
  });
}

describe('after kill -9 at', () => {
  test.concurrent.each(failpoints)(
    '%s, five times in a row, the output is the same',
    async (failpoint) => {
      let directory = join(root, failpoint);
      let crashes = 0;
      for (let tries = 0; crashes < crashesEach && tries < 3 * crashesEach; tries++) {
        const { signal, output } = await ended(start(directory, failpoint, String(1 + crashes)));
        if (signal === 'SIGKILL') {
          crashes++;
          continue;
        }
        expect(output).toBe(expected); // it came to its end: another directory
        directory = join(root, `${failpoint}-${tries}`);
      }
      expect((await ended(start(directory))).output).toBe(expected);
      expect(crashes).toBe(crashesEach);
    },
    120_000,
  );
});

describe('after kill -9 at random', () => {
  test.each([1, 2])(
    'moments, again and again, the output is the same (seed %d)',
    async (seed) => {
      const choose = seededChoices(seed);
      let crashes = 0;
      for (let series = 0; crashes < randomKills / 2; series++) {
        const directory = join(root, `random-${seed}-${series}`);
        for (let tries = 0; tries < 8; tries++) {
          const process = start(directory);
          const { signal, worked } = await ended(process, () => {
            setTimeout(() => process.kill('SIGKILL'), choose(60));
          });
          if (signal === 'SIGKILL' && worked) crashes++;
        }
        expect((await ended(start(directory))).output).toBe(expected);
      }
    },
    600_000,
  );
});
