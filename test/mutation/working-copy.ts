import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../runtime/errors.ts';
import { projectFiles, root } from '../support/deploy/project.ts';
import type { Mutant, Tests, Verdict } from './mutant.ts';
import { changeAt } from './place.ts';
import { type VitestReport, verdictOf } from './vitest-report.ts';

/** Every mutant gets the same histories, so that a killed mutant is killed in every run. */
const sameHistories = { MODEL_SEED: '1', MODEL_SHRINK: 'no' };

/** Which tests judge a mutant: all tests that it names, or only those of them that `npm test` runs, with its numbers. */
export type TestScope = 'all' | 'fast tier';

const environments: Readonly<Record<TestScope, NodeJS.ProcessEnv>> = {
  all: { ...process.env, ...sameHistories, MODEL_RUNS: '2000' },
  'fast tier': { ...process.env, ...sameHistories, TEST_TIER: 'fast' },
};

/** Longer than any run takes. */
const longestRunMs = 180_000;

/** A copy of the project to break: all files that git tracks or would add, with their uncommitted changes. */
export class WorkingCopy implements Disposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tmdb-stream-mutants-'));
  /** Process group of the tests that are running. */
  #vitest: number | undefined;
  readonly #env: NodeJS.ProcessEnv;

  constructor(scope: TestScope) {
    this.#env = environments[scope];
    for (const file of projectFiles()) cpSync(join(root, file), join(this.#dir, file));
    for (const linked of ['node_modules', '.tools']) symlinkSync(join(root, linked), join(this.#dir, linked));
  }

  /** Runs the mutant's tests on the changed file, and restores the file. `void` if the file lacks the mutant's place. */
  async judge({ file, place, change, tests }: Mutant): Promise<Verdict> {
    const path = join(this.#dir, file);
    const text = readFileSync(path, 'utf8');
    try {
      writeFileSync(path, changeAt(text, place, change));
    } catch (error) {
      return { outcome: 'void', why: `${file}: ${messageOf(error)}` };
    }
    try {
      return await this.run(tests);
    } finally {
      writeFileSync(path, text);
    }
  }

  /** Runs tests until one fails. */
  async run({ files, only, timeoutMs }: Tests): Promise<Verdict> {
    const reportFile = join(this.#dir, 'mutation-report.json');
    rmSync(reportFile, { force: true });
    const args = ['run', '--bail=1', '--reporter=json', `--outputFile=${reportFile}`, ...files];
    if (only !== undefined) args.push('--testNamePattern', only);
    if (timeoutMs !== undefined) args.push(`--testTimeout=${timeoutMs}`);
    // In its own process group, so that none of its processes outlives it.
    const vitest = spawn('vitest', args, { cwd: this.#dir, env: this.#env, stdio: 'ignore', detached: true });
    this.#vitest = vitest.pid;
    const timer = setTimeout(() => this.#endVitest(), longestRunMs);
    await once(vitest, 'close');
    clearTimeout(timer);
    this.#vitest = undefined;
    if (!existsSync(reportFile)) return { outcome: 'void', why: 'vitest made no report, or took too long' };
    return verdictOf(JSON.parse(readFileSync(reportFile, 'utf8')) as VitestReport);
  }

  [Symbol.dispose](): void {
    this.#endVitest();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #endVitest(): void {
    if (this.#vitest !== undefined) process.kill(-this.#vitest, 'SIGKILL');
  }
}
