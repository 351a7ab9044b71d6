import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { FileReporter } from './test/runner/reporter.ts';
import { filesOfFullTier, longestFiles, measuringFiles, reportFile, tier } from './test/tiers.ts';

/**
 * Fast tier: four files at a time, because a file often waits for a process and uses no CPU meanwhile. Files that measure a rate limit
 * run last. Full tier: one file at a time, because a test uses both cores there.
 */
const isFast = tier === 'fast';
const workers = isFast ? { maxWorkers: 4 } : tier === 'full' ? { maxWorkers: 1 } : {};

/** Starts the longest files first: a long file at the end would leave the other workers without work. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = longestFiles.findIndex((file) => moduleId.endsWith(file));
      return index < 0 ? longestFiles.length : index;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

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
  { name: 'e2e', timeoutMs: 600_000, globalSetup: [dbt] },
  { name: 'faults', timeoutMs: 600_000, globalSetup: [dbt] },
];

const project = ({ name, timeoutMs, globalSetup = [] }: Folder) => ({
  test: {
    name,
    globalSetup,
    // The files of a worker share its process and modules: to load them again costs a third of a CPU second for each file.
    isolate: false,
    setupFiles: ['test/runner/measure-file.ts'],
    include: [`test/${name}/**/*.test.ts`],
    exclude: isFast ? [...measuringFiles, ...filesOfFullTier] : [],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    ...workers,
  },
});

/** The measuring files of each folder, as projects that start when the others have ended. */
function measuringProjects() {
  const isHere = ({ name }: Folder) => measuringFiles.some((file) => file.startsWith(`test/${name}/`));
  return folders.filter(isHere).map((folder) => ({
    test: {
      ...project(folder).test,
      name: `${folder.name}-measuring`,
      include: measuringFiles.filter((file) => file.startsWith(`test/${folder.name}/`)),
      exclude: [...filesOfFullTier],
      maxWorkers: 2,
      sequence: { groupOrder: 1 },
    },
  }));
}

export default defineConfig({
  test: {
    tags: [{ name: 'full', description: 'Runs in test:full only: too long for npm test.' }],
    ...(isFast && { tagsFilter: ['!full'], sequence: { sequencer: LongestFirst } }),
    // Node runs the TypeScript of tests and product as it does for users, without a transformation, which costs a tenth of the CPU time.
    experimental: { viteModuleRunner: false },
    reporters: reportFile === undefined ? ['default'] : ['default', new FileReporter(reportFile)],
    projects: [...folders.map(project), ...(isFast ? measuringProjects() : [])],
  },
});
