import { describe, expect, test } from 'vitest';
import { durationMs } from '../../src/runtime/duration.ts';

describe('a duration', () => {
  test.each([
    [0, 0],
    [1500, 1500],
    ['500ms', 500],
    ['30s', 30_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
    ['1w', 604_800_000],
    ['PT5M', 300_000],
    ['PT0.25S', 250],
    ['P1DT2H', 93_600_000],
    ['P2D', 172_800_000],
  ])('%j is %d ms', (duration, ms) => {
    expect(durationMs(duration, 'the size')).toBe(ms);
  });

  test.each(['', '5', '5 m', '5min', '-1s', 'PT', 'P', 'P1DT', 'P1M', '1h-5m', -1, Number.NaN])(
    '%j is none',
    (duration) => {
      expect(() => durationMs(duration, 'the size')).toThrow(
        `the size can't be ${JSON.stringify(duration)}: give milliseconds, or text like '500ms'`,
      );
    },
  );
});
