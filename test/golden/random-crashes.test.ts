/**
 * Random faults at any file operation. `MILLRACE_SEEDS=5000 npx vitest run test/golden/random-crashes.test.ts` runs more;
 * a failure names its seed.
 */
import { describe, expect, test } from 'vitest';
import { faultKinds, runWithoutFaults, violationOf } from './crash-runner.ts';

const seeds = Number(process.env.MILLRACE_SEEDS ?? 30);

describe('the golden pipeline', () => {
  test.each(faultKinds)(
    'gives the same output after a %s at any step',
    async (kind) => {
      const expected = await runWithoutFaults();
      const violations: string[] = [];
      for (let seed = 1; seed <= seeds; seed++) {
        const violation = await violationOf(expected, kind, seed);
        if (violation !== undefined) violations.push(`seed ${seed}: ${violation}`);
      }
      expect(violations).toEqual([]);
    },
    60_000 + seeds * 1000,
  );
});
