import { defineConfig } from 'vitest/config';

/**
 * `unit` needs nothing but Node, `contract` a real Redis; `integration` and `e2e` use the real broker and the real dbt; `deploy`
 * checks what containers are made of, with no container. `faults` breaks things under a running fleet, the fault suite; as much
 * of it as its settings say (see `scripts/test-faults.mjs`).
 */
const project = (name: string, timeoutMs: number, globalSetup: string[] = []) => ({
  test: {
    name,
    globalSetup,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
  },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', 10_000),
      project('contract', 30_000),
      project('integration', 120_000, ['test/support/broker-setup.ts']),
      project('deploy', 240_000),
      project('e2e', 600_000),
      project('faults', 600_000),
    ],
  },
});
