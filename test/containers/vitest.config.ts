import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Files and tests run one after the other, because they share an engine and each uses both cores. `run.ts` starts the engine. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/containers/*.test.ts'],
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 240_000,
    reporters: ['verbose'],
  },
});
