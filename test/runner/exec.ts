import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { compileCache } from '../support/processes/compile-cache.ts';
import { cpuTime } from './cpu-time.ts';
import type { TestReport } from './report.ts';

export const root = join(import.meta.dirname, '../..');
const resultsDir = join(root, 'test/results');

/** The path of a tool that `scripts/setup.mjs` installs for the checks. */
export const lintTool = (name: string): string => join(root, '.tools/lint/bin', name);

/** Exit code of a script that cannot run on this machine, and has said why. */
export const skippedCode = 77;

/** How long a command may take to end after SIGTERM. */
const graceMs = 10_000;

/** The outcome of a command. */
export interface Outcome {
  /** 128 + n when signal n ended it. */
  readonly code: number;
  readonly seconds: number;
  /** Of the command and its descendants; null where CPU time cannot be measured. */
  readonly cpuSeconds: number | null;
  /** Whether it was ended because it exceeded its time limit. */
  readonly isCutOff: boolean;
}

export interface ExecOptions {
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The time limit after which it is ended with all of its processes. @default never */
  readonly timeoutMs?: number;
  /** @default the project folder */
  readonly cwd?: string;
}

/** A signal ended the run; nothing more is started. */
export class InterruptedError extends Error {
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`ended by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

let interrupted: InterruptedError | null = null;

/** Process groups that run now: a signal to this process ends them. */
const running = new Set<number>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted ??= new InterruptedError(signal);
    for (const group of running) signalGroup(group, 'SIGTERM');
  });
}

/**
 * Runs a command in the project folder with our output as its output, in a process group of its own.
 * @throws InterruptedError after the command has ended, if this process received a signal.
 */
export async function exec(command: string, args: readonly string[], options: ExecOptions = {}): Promise<Outcome> {
  if (interrupted !== null) throw interrupted;
  const startedAt = performance.now();
  const cpuBefore = cpuTime();
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
  const group = child.pid ?? 0;
  running.add(group);
  const timeUp = new AbortController();
  const isCutOff = endAfter(group, options.timeoutMs, timeUp.signal);
  try {
    const code = await ended;
    const cpuAfter = cpuTime();
    timeUp.abort();
    if (interrupted !== null) throw interrupted;
    return {
      code,
      seconds: (performance.now() - startedAt) / 1_000,
      cpuSeconds: cpuBefore && cpuAfter && cpuAfter.descendants - cpuBefore.descendants,
      isCutOff: await isCutOff,
    };
  } finally {
    timeUp.abort();
    running.delete(group);
  }
}

/** Ends a process group at its time limit. @returns whether it had to. */
async function endAfter(group: number, timeoutMs: number | undefined, signal: AbortSignal): Promise<boolean> {
  if (timeoutMs === undefined) return false;
  const isUp = await delay(timeoutMs, true, { signal }).catch(() => false);
  if (!isUp) return false;
  signalGroup(group, 'SIGTERM');
  await delay(graceMs, undefined, { signal }).catch(() => {});
  if (!signal.aborted) signalGroup(group, 'SIGKILL');
  return true;
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Runs vitest, which writes its report to `test/results/NAME.json`.
 * @returns the report, or null if vitest ended before it could write one.
 */
export async function runVitest(
  name: string,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<Outcome & { readonly report: TestReport | null }> {
  const path = join(resultsDir, `${name}.json`);
  rmSync(path, { force: true });
  const env = { ...compileCache, ...options.env, TEST_REPORT: path };
  const outcome = await exec('vitest', ['run', ...args], { ...options, env });
  return { ...outcome, report: existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as TestReport) : null };
}
