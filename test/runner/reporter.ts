import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';
import type {} from './measure-file.ts';
import type { FileReport, TestOutcome, TestReport } from './report.ts';

const inSeconds = (milliseconds: number): number => Math.round(milliseconds) / 1_000;

/** Writes a `TestReport` to a file at the end of a run, durations and CPU seconds included. */
export class FileReporter implements Reporter {
  readonly #path: string;

  /** @param path of the report; a missing folder is created. */
  constructor(path: string) {
    this.#path = path;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const report: TestReport = { files: modules.map(fileReport), errors: errors.map(({ message }) => message) };
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, `${JSON.stringify(report, null, 1)}\n`);
  }
}

function fileReport(module: TestModule): FileReport {
  const { prepareDuration, environmentSetupDuration, setupDuration, collectDuration, duration } = module.diagnostic();
  const suites = [module, ...module.children.allSuites()];
  return {
    file: module.relativeModuleId,
    project: module.project.name,
    seconds: inSeconds(prepareDuration + environmentSetupDuration + setupDuration + collectDuration + duration),
    cpuSeconds: module.meta().cpuSeconds ?? null,
    errors: suites.flatMap((suite) => suite.errors().map(({ message }) => message)),
    tests: [...module.children.allTests()].map(outcomeOf),
  };
}

function outcomeOf(test: TestCase): TestOutcome {
  const { state, errors = [] } = test.result();
  return {
    name: test.fullName,
    state,
    seconds: inSeconds(test.diagnostic()?.duration ?? 0),
    errors: errors.map(({ message }) => message),
  };
}
