import type { ChildProcess } from 'node:child_process';
import type { LogFollower } from './log-lines.ts';

/** One dbt command for a runner. */
export interface Invocation {
  /** The command line after `dbt`. */
  readonly args: readonly string[];
  /** The command line that only parses the project. */
  readonly parseArgs: readonly string[];
  /** The path for the command's results. */
  readonly resultsFile: string;
}

/** Runs dbt commands, never two at the same time. */
export interface Runner extends AsyncDisposable {
  /**
   * Resolves with how the command ended (`exit code 0`), after it has stopped everything, released all locks and sent all its output
   * to the log. An abort ends it early.
   * @throws DbtError if dbt cannot be started.
   */
  invoke(invocation: Invocation, log: LogFollower, signal: AbortSignal): Promise<string>;
}

/** How long (ms) dbt may take to end after SIGTERM. After SIGKILL, tables stay complete, and the next run resumes. */
const graceMs = 10_000;

/** During `work`, an abort of the signal ends the process: first with SIGTERM, then with SIGKILL. */
export async function endingOnAbort<T>(child: ChildProcess, signal: AbortSignal, work: Promise<T>): Promise<T> {
  let killer: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill('SIGTERM');
    killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    return await work;
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(killer);
  }
}

/** How a process ended, from the arguments of its `close` event. */
export const endOf = (code: number | null, killedBy: NodeJS.Signals | null): string =>
  killedBy ? `signal ${killedBy}` : `exit code ${code}`;
