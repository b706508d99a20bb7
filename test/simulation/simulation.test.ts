/**
 * Jobs that several processes share, under everything that a seed draws:
 *
 * - Each record is counted once, or given as late once; each window, timer and pair is there once.
 * - Results of a key are in order of time; the watermark of a task never goes back.
 * - Where all input was there before, results of each key are those of one task, one after another.
 *
 * `MILLRACE_SIMULATIONS` says how many seeds are tried; `MILLRACE_SEED` repeats one, and shows all
 * that happened.
 */
import { expect, test } from 'vitest';
import { type Counts, type Finding, simulate } from './simulation.ts';

const simulations = Number(process.env.MILLRACE_SIMULATIONS ?? 100);
const wanted = process.env.MILLRACE_SEED;
const [first, last] = wanted === undefined ? [1, simulations] : [Number(wanted), Number(wanted)];
const reportedMax = 3;

test(
  'whatever happens, nothing is lost or doubled, and all is in order',
  async () => {
    const failures: string[] = [];
    const counts: Counts[] = [];
    for (let seed = first; seed <= last && failures.length < reportedMax; seed++) {
      const finding = await simulate(seed);
      counts.push(finding.counts);
      if (finding.wrong.length > 0) failures.push(reportOf(seed, finding));
    }
    expect(failures.join('\n\n')).toBe('');
    if (wanted !== undefined) return;
    const each = (of: keyof Counts) =>
      counts.reduce((sum, one) => sum + one[of], 0) / counts.length;
    expect(each('commits')).toBeGreaterThan(100);
    expect(each('kill')).toBeGreaterThan(0.4);
    expect(each('wake')).toBeGreaterThan(0.4);
    expect(each('commit')).toBeGreaterThan(0.8);
  },
  60_000 + simulations * 10_000,
);

test('the same seed does the same', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    expect((await simulate(seed)).trace).toEqual((await simulate(seed)).trace);
  }
});

function reportOf(seed: number, { shape, wrong, trace }: Finding): string {
  const shown = wanted === undefined ? trace.slice(-40) : trace;
  return [
    `seed ${seed} (${shape}): ${wrong.slice(0, 10).join('\n  ')}`,
    `Repeat it: MILLRACE_SEED=${seed} npx vitest run test/simulation/simulation.test.ts`,
    ...shown,
  ].join('\n');
}
