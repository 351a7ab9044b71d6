import { defineConfig } from 'vitest/config';
import { FileReporter } from './test/runner/reporter.ts';
import { filesAlone, filesOfFullTier, reportFile, tier } from './test/tiers.ts';

/**
 * The fast tier runs two files at a time, and after them, one at a time, the files that have to be alone. The long forms of
 * the full tier load both cores by themselves: one file at a time.
 */
const isFast = tier === 'fast';
const workers = isFast ? { maxWorkers: 2 } : tier === 'full' ? { maxWorkers: 1 } : {};

const broker = 'test/support/kafka/broker-setup.ts';
const dbt = 'test/support/dbt/server/setup.ts';

interface Folder {
  readonly name: string;
  readonly timeoutMs: number;
  readonly globalSetup?: string[];
}

/**
 * Times after which a test has hung, also on a machine with eight busy loops.
 * `unit` needs nothing but Node, `contract` a real Redis and a Snowflake emulator; `integration` and `e2e` use the real
 * broker and the real dbt; `deploy` checks what containers are made of, with no container. `faults` injects faults under
 * a running fleet, as many as its settings say (see `test/runner/suites.ts`).
 */
const folders: readonly Folder[] = [
  { name: 'unit', timeoutMs: 60_000 },
  { name: 'contract', timeoutMs: 120_000 },
  { name: 'integration', timeoutMs: 240_000, globalSetup: [broker, dbt] },
  { name: 'deploy', timeoutMs: 240_000 },
  { name: 'e2e', timeoutMs: 600_000 },
  { name: 'faults', timeoutMs: 600_000, globalSetup: [dbt] },
];

const project = ({ name, timeoutMs, globalSetup = [] }: Folder) => ({
  test: {
    name,
    globalSetup,
    setupFiles: ['test/runner/measure-file.ts'],
    include: [`test/${name}/**/*.test.ts`],
    exclude: isFast ? [...filesAlone, ...filesOfFullTier] : [],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    ...workers,
  },
});

/** The folder's files that have to be alone, as a project that starts when all others have ended. */
function projectAlone(folder: Folder) {
  const include = filesAlone.filter((file) => file.startsWith(`test/${folder.name}/`));
  const { test } = project(folder);
  return {
    test: {
      ...test,
      name: `${folder.name}-alone`,
      include,
      exclude: [...filesOfFullTier],
      maxWorkers: 1,
      sequence: { groupOrder: 1 },
    },
  };
}

export default defineConfig({
  test: {
    tags: [{ name: 'full', description: 'Runs in test:full only: too long for npm test.' }],
    ...(isFast && { tagsFilter: ['!full'] }),
    reporters: reportFile === undefined ? ['default'] : ['default', new FileReporter(reportFile)],
    projects: [
      ...folders.map(project),
      ...(isFast ? folders.filter(({ name }) => filesAlone.some((file) => file.startsWith(`test/${name}/`))) : []).map(
        projectAlone,
      ),
    ],
  },
});
