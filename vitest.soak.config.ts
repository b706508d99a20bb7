/** `npm run soak`: the tests that choose faults and input at random, for hours rather than seconds. */
import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

const hourMs = 3_600_000;

export default mergeConfig(
  base,
  defineConfig({
    test: {
      env: {
        MILLRACE_SEEDS: '2000',
        MILLRACE_KILLS: '2000',
        MILLRACE_SCHEDULES: '200000',
        MILLRACE_SIMULATIONS: '5000',
        MILLRACE_STATE_RUNS: '20000',
        MILLRACE_SCRIPTS: '2000',
        MILLRACE_SHARED_FAULTS: '200',
        MILLRACE_REPLAYS: '1000',
        MILLRACE_SHARED_JOBS: '5000',
        MILLRACE_MEMBERS: '20000',
        MILLRACE_CRASH_STRIDE: '1',
        MILLRACE_RESCALES: 'all',
        MILLRACE_MOVES: '20',
      },
      testTimeout: 6 * hourMs,
    },
  }),
);
