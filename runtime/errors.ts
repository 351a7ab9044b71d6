/** Process exit codes. */
export const ExitCode = { done: 0, failed: 1, usage: 2, credentialsRefused: 3, stale: 4 } as const;

/** What each exit code means, for scripts that call us. The help, the man page and the README use these words. */
export const exitCodeMeanings: readonly (readonly [codes: string, meaning: string])[] = [
  [`${ExitCode.done}`, 'done, or a service that drained'],
  [`${ExitCode.failed}`, 'failed'],
  [`${ExitCode.usage}`, 'wrong usage or settings'],
  [`${ExitCode.credentialsRefused}`, 'credentials or rights refused'],
  [`${ExitCode.stale}`, 'a source is stale (schedule --once)'],
  // 128 and the number of SIGINT or SIGTERM, as shells count.
  ['130 and 143', 'stopped by a signal before the work was done'],
];

/**
 * Base of every error that we throw on purpose. It tells a caller whether a retry can help,
 * and which exit code the process has if no caller handles the error.
 */
export abstract class IngestError extends Error {
  /** Whether the same call may succeed later without any change. */
  abstract readonly retriable: boolean;
  readonly exitCode: number = ExitCode.failed;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Unknown errors are bugs: they are never retried. */
export const isRetriable = (error: unknown): boolean => error instanceof IngestError && error.retriable;

/** The command line or the environment is invalid. The message lists every mistake and what to write instead. */
export class UsageError extends IngestError {
  readonly retriable = false;
  override readonly exitCode = ExitCode.usage;
}

/**
 * An existing topic, store or table does not meet the requirements of our guarantees. The message has a line for each
 * finding, with the remedy.
 */
export class PreconditionError extends IngestError {
  readonly retriable = false;
  override readonly exitCode = ExitCode.usage;
}

/** One line for the user, never a stack trace. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
