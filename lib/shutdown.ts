import { IngestError } from './errors.ts';
import { formatDuration } from './units.ts';

/**
 * Aborts at the first SIGINT or SIGTERM, so that everything drains; at the second, or when the drain has taken
 * `drainTimeoutMs`, leaves at once. `say` is told in a sentence.
 */
export function shutdownSignal(drainTimeoutMs: number, say: (text: string) => void): AbortSignal {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(exitCodeOf(name));
    say(`${name}: finishing what is in hand (once more to leave at once)`);
    controller.abort(new StoppedError(name));
    leaveWithin(drainTimeoutMs, exitCodeOf(name), say);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return controller.signal;
}

/** Ends the process when it has not ended by itself by then. */
export function leaveWithin(ms: number, code: number, say: (text: string) => void): void {
  const late = setTimeout(() => {
    say(`not drained after ${formatDuration(ms)}, leaving: what was in hand comes again`);
    process.exit(code);
  }, ms);
  late.unref();
}

/** We were asked to stop: not a failure, but not done either. */
class StoppedError extends IngestError {
  readonly retriable = false;
  override readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
    this.exitCode = exitCodeOf(signal);
  }
}

/** 128 + the signal's number, as shells have it. */
const exitCodeOf = (signal: NodeJS.Signals): number => (signal === 'SIGINT' ? 130 : 143);
