/**
 * kill -9 of real processes, each going on where the last one died: at every named step, and at
 * random moments. Where the input was there before, the output must be that of an uninterrupted
 * run; where it came live, nothing may be lost or doubled, and each key's result must be right.
 *
 * A crash counts only if it left work: the next process that opens the directory tells.
 * There are 24 random ones here, and one at each named step; 200 in CI (`MILLRACE_KILLS=200`), and
 * five at each step; 2000 in `npm run soak`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Failpoint, failpoints } from '../../src/platform/index.ts';
import { type Choose, seededChoices } from '../support/choices.ts';
import { ended, start } from './processes.ts';
import { readings, rightSummary, summaryOf } from './readings.ts';

type Feed = 'history' | 'live';

const root = mkdtempSync(join(tmpdir(), 'millrace-kill-'));
const randomKills = Number(process.env.MILLRACE_KILLS ?? 24);
const timesAtEachStep = Math.ceil(randomKills / 40);

let intact = '';
/** What a child says when nothing is left to do. */
let allDone: Readonly<Record<Feed, number>>;

beforeAll(async () => {
  intact = (await ended(start('child.ts', join(root, 'intact'), 'history'))).output;
  const outputs: Record<string, string[]> = JSON.parse(intact);
  allDone = { history: Object.values(outputs).flat().length, live: readings.length };
  expect(allDone.history).toBeGreaterThan(500);
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A directory that process after process dies in. */
class Series {
  readonly #path = mkdtempSync(join(root, 'series-'));
  readonly #feed: Feed;
  /** Crashes of which it is not known yet whether they left work. */
  #open: string[] = [];
  /** Whether the last process found work when it opened the directory. */
  hasWork = true;
  /** What each crash that left work was told to be. */
  readonly crashes: string[] = [];

  constructor(feed: Feed) {
    this.#feed = feed;
  }

  /**
   * Runs a process, which dies at the n-th time that it passes a step, or so many ms after its
   * first commit. False where it came to its end: then its output is right.
   */
  async crash(at: { step?: Failpoint; hit?: number; afterMs?: number }): Promise<boolean> {
    const { step, hit = 1, afterMs } = at;
    const args = step === undefined ? [] : [step, `${hit}`];
    const child = start('child.ts', this.#path, this.#feed, ...args);
    const { signal, output, errors } = await ended(child, (line) => {
      if (line !== 'working' || afterMs === undefined) return;
      setTimeout(() => child.kill('SIGKILL'), afterMs);
    });
    const done = /^done (\d+)$/m.exec(errors)?.[1];
    if (done !== undefined) {
      this.hasWork = Number(done) < allDone[this.#feed];
      if (this.hasWork) this.crashes.push(...this.#open);
      this.#open = [];
    }
    if (signal === null) {
      this.#check(output);
      return false;
    }
    expect(signal).toBe('SIGKILL');
    if (step !== undefined || errors.includes('working')) this.#open.push(step ?? 'random');
    return true;
  }

  /** Runs to the end: what has come of it is right. */
  async finish(): Promise<void> {
    expect(await this.crash({})).toBe(false);
  }

  #check(output: string): void {
    if (this.#feed === 'live') expect(summaryOf(JSON.parse(output))).toEqual(rightSummary());
    else expect(output === intact, `${this.#path} has another output`).toBe(true);
  }
}

/** Steps passed only while the directory is made and the input is appended, all at once: first. */
const isEarly = (step: Failpoint) => /^(directory|segment)/.test(step);
const steps = [...failpoints].sort((a, b) => Number(isEarly(b)) - Number(isEarly(a)));

/** A series that dies at each of the steps, until it comes to its end. */
async function crashAtEach(left: readonly Failpoint[], choose: Choose): Promise<Series> {
  const series = new Series('history');
  for (const step of left) {
    const isSure = step === left[0] || isEarly(step); // in a new directory every step is reached
    if (!(await series.crash({ step, hit: isSure ? 1 : 1 + choose(2) }))) return series;
  }
  await series.finish();
  return series;
}

describe('kill -9 at every named step changes no output', () => {
  test.concurrent.each(Array.from({ length: timesAtEachStep }, (_, i) => i + 1))(
    'the %d. time',
    async (time) => {
      const choose = seededChoices(time);
      const left = new Set<string>(failpoints);
      for (let tries = 0; left.size > 0 && tries < 2 * failpoints.length; tries++) {
        const { crashes } = await crashAtEach(
          steps.filter((step) => left.has(step)),
          choose,
        );
        for (const step of crashes) left.delete(step);
      }
      expect([...left]).toEqual([]);
    },
    600_000,
  );
});

describe('kill -9 at random moments, again and again,', () => {
  test.concurrent.each([
    ['changes no output', 'history', 1],
    ['changes no output', 'history', 2],
    ['loses and doubles nothing of live input', 'live', 3],
    ['loses and doubles nothing of live input', 'live', 4],
  ] as const)(
    '%s (%s, seed %d)',
    async (_, feed, seed) => {
      const choose = seededChoices(seed);
      for (let crashes = 0; crashes < randomKills / 4; ) {
        const series = new Series(feed);
        for (let tries = 0; tries < 12 && series.hasWork; tries++) {
          if (!(await series.crash({ afterMs: choose(40) }))) break;
        }
        await series.finish();
        expect(series.crashes.length).toBeGreaterThan(0);
        crashes += series.crashes.length;
      }
    },
    600_000 + randomKills * 5000,
  );
});
