import type { ChildProcess } from 'node:child_process';
import type { LogFollower } from './log-lines.ts';

/** One command of dbt, as whoever carries it out needs it. */
export interface Invocation {
  /** The command line after `dbt`. */
  readonly args: readonly string[];
  /** The command line that reads the project and does nothing with it. */
  readonly parseArgs: readonly string[];
  /** Where the command's results have to be. */
  readonly resultsFile: string;
}

/** Carries out dbt's commands, never two at once. */
export interface Runner extends AsyncDisposable {
  /**
   * Resolves with how the command ended (`exit code 0`) when it left nothing running and nothing locked; what it wrote
   * has gone to the log by then. An abort ends it early.
   * @throws DbtError when dbt cannot be started.
   */
  invoke(invocation: Invocation, log: LogFollower, signal: AbortSignal): Promise<string>;
}

/** How long dbt may take to leave after SIGTERM. Killed, it leaves whole tables, and the next run goes on from there. */
const graceMs = 10_000;

/** While `work` lasts, an abort of the signal ends the process: first by SIGTERM, then by SIGKILL. */
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

/** How a process ended, from the arguments of its event `close`. */
export const endOf = (code: number | null, killedBy: NodeJS.Signals | null): string =>
  killedBy ? `signal ${killedBy}` : `exit code ${code}`;
