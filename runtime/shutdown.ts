import { constants } from 'node:os';
import { IngestError } from './errors.ts';
import { formatDuration } from './units.ts';

/**
 * The sources of a stop request: the system by a signal, and `scripts/start.mjs`, which started us, by a message. Both may forward the
 * same request, because a supervisor signals every process of a service at once.
 */
type Asker = 'system' | 'wrapper';

interface Shutdown {
  /** How long (ms) everything may take to drain. */
  readonly drainTimeoutMs: number;
  /** Whether `scripts/start.mjs` started this process. */
  readonly isWrapped: boolean;
  /** Receives a sentence. */
  readonly say: (text: string) => void;
}

/**
 * Aborts at the first SIGINT or SIGTERM, so that everything drains. Exits at once at the second from the same source, or when the drain
 * has taken `drainTimeoutMs`. If `scripts/start.mjs` dies, even by SIGKILL, that counts as SIGTERM.
 */
export function shutdownSignal({ drainTimeoutMs, isWrapped, say }: Shutdown): AbortSignal {
  const controller = new AbortController();
  const asked = new Set<Asker>();
  const stop = (name: NodeJS.Signals, asker: Asker) => {
    if (asked.has(asker)) process.exit(exitCodeOfSignal(name));
    asked.add(asker);
    if (controller.signal.aborted) return;
    say(`${name}: finishing work in flight (signal again to exit at once)`);
    controller.abort(new StoppedError(name));
    leaveWithin(drainTimeoutMs, exitCodeOfSignal(name), say);
  };
  const onSignal = (name: NodeJS.Signals) => stop(name, 'system');
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  if (isWrapped) listenToWrapper((name) => stop(name, 'wrapper'));
  return controller.signal;
}

function listenToWrapper(onStop: (name: NodeJS.Signals) => void): void {
  // The wrapper has died already.
  if (!process.channel) {
    onStop('SIGTERM');
    return;
  }
  process.on('message', (message) => {
    if (message === 'SIGTERM') onStop(message);
  });
  process.once('disconnect', () => onStop('SIGTERM'));
  // The channel does not keep the process alive when its work is done.
  process.channel.unref();
}

/** Ends the process when it has not ended by itself by then. */
export function leaveWithin(ms: number, code: number, say: (text: string) => void): void {
  const late = setTimeout(() => {
    say(`not drained after ${formatDuration(ms)}, exiting: work in flight will be repeated`);
    process.exit(code);
  }, ms);
  late.unref();
}

/** The process was asked to stop: this is not a failure, but the work is not done either. */
class StoppedError extends IngestError {
  readonly code = 'stopped';
  readonly retriable = false;
  override readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
    this.exitCode = exitCodeOfSignal(signal);
  }
}

/** 128 + the signal's number, as in shells. */
export const exitCodeOfSignal = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];
