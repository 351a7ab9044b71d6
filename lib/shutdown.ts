import { IngestError } from './errors.ts';

/** Aborts at the first SIGINT or SIGTERM, so that everything drains; at the second, leaves at once. */
export function shutdownSignal(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(exitCodeOf(name));
    process.stderr.write(`\n${name}: finishing what is in hand (once more to leave at once)\n`);
    controller.abort(new StoppedError(name));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return controller.signal;
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
