import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** `scripts/test-superset.mjs` installs Superset first. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: { include: ['test/superset/*.test.ts'], testTimeout: 240_000, hookTimeout: 240_000, reporters: ['verbose'] },
});
