import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: {
      'millrace/connectors': fileURLToPath(new URL('./src/connectors/index.ts', import.meta.url)),
      'millrace/testing': fileURLToPath(new URL('./src/testing/index.ts', import.meta.url)),
      millrace: fileURLToPath(new URL('./src/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    // The default leaves one processor idle, and that is half of two.
    maxWorkers: availableParallelism(),
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
