import { IngestError } from './errors.ts';

/** The wrapper could not install a tool. */
class NotInstalledError extends IngestError {
  readonly code = 'not_installed';
  /** The usual reason is a registry that is out of reach. */
  readonly retriable = true;
}

/**
 * The process of `scripts/start.mjs`, if it started this one. It is reached through the IPC channel. Other parents can open such a channel
 * as well (pm2, `node --watch`, `child_process.fork`), but answer no request, so the wrapper sets a variable.
 */
const mark = 'START_MJS_CHANNEL';

/**
 * Whether the wrapper started this process. Removes the mark, so that a process that this one starts does not take it for its own.
 * @param environment that of this process.
 */
export function takeWrapperMark(environment: NodeJS.ProcessEnv): boolean {
  const isMarked = environment[mark] === '1' && process.connected !== undefined;
  delete environment[mark];
  return isMarked;
}

interface Asking {
  readonly isWrapped: boolean;
  readonly signal: AbortSignal;
}

/**
 * Asks the wrapper to install tools, which says on standard error what it installs or why it cannot. Started without a wrapper, as in
 * an image, a process has its tools.
 * @throws NotInstalledError, or the reason of `signal` if it aborts first.
 */
export async function haveInstalled(tools: readonly string[], { isWrapped, signal }: Asking): Promise<void> {
  const { channel } = process;
  if (tools.length === 0 || !isWrapped || !channel) return;
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const onAbort = () => reject(signal.reason);
  const onMessage = (message: unknown) => {
    if (message === 'installed' || message === 'not installed') resolve(message === 'installed');
  };
  signal.addEventListener('abort', onAbort);
  process.on('message', onMessage);
  // Until the answer comes, nothing else keeps this process alive.
  channel.ref();
  process.send?.({ install: tools });
  try {
    if (!(await promise))
      throw new NotInstalledError(`${tools.join(' or ')} could not be installed: see the lines above`);
  } finally {
    channel.unref();
    process.off('message', onMessage);
    signal.removeEventListener('abort', onAbort);
  }
}
