/**
 * Jobs that several processes share, under everything that a seed draws. `MILLRACE_SIMULATIONS`
 * says how many are tried; `MILLRACE_SEED` repeats one, and prints what happened.
 */
import { expect, test } from 'vitest';
import { type Finding, simulate } from './simulation.ts';

const simulations = Number(process.env.MILLRACE_SIMULATIONS ?? 100);
const wanted = process.env.MILLRACE_SEED;
const [first, last] = wanted === undefined ? [1, simulations] : [Number(wanted), Number(wanted)];

test('whatever happens, nothing is lost or doubled, and all is in order', async () => {
  const failures: string[] = [];
  const total: Record<string, number> = {};
  for (let seed = first; seed <= last; seed++) {
    const finding = await simulate(seed);
    for (const [name, n] of Object.entries(finding.counts)) total[name] = (total[name] ?? 0) + n;
    if (finding.wrong.length > 0) failures.push(reportOf(seed, finding));
  }
  console.log(total, failures.length, failures.map(f=>f.split('\n')[0]));
  expect(failures.slice(0, 3).join('\n\n')).toBe('');
}, 60_000 + simulations * 10_000);

function reportOf(seed: number, { shape, wrong, trace }: Finding): string {
  const shown = wanted === undefined ? trace.slice(-30) : trace;
  return [
    `seed ${seed} (${shape}): ${wrong.slice(0,5).join('\n  ')}`,
    `Repeat it: MILLRACE_SEED=${seed} npx vitest run test/simulation/simulation.test.ts`,
    ...shown,
  ].join('\n');
}
