/** `npm run mutations`: whether the tests notice rules that are broken (test/support/mutants.ts). */
import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

export default mergeConfig(
  base,
  defineConfig({
    test: { env: { MILLRACE_MUTATIONS: 'proved' }, testTimeout: 600_000 },
  }),
);
