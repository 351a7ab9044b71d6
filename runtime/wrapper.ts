/** The process of `scripts/start.mjs`, if it started this one: only then is there a channel. */

/**
 * Asks the wrapper to install tools, which says on standard error what it installs or why it cannot. Started without a wrapper, as in
 * an image, a process has its tools.
 * @returns whether they are there. @throws the reason of `signal` if it aborts first.
 */
export async function haveInstalled(tools: readonly string[], signal: AbortSignal): Promise<boolean> {
  const { channel } = process;
  if (tools.length === 0 || !channel) return true;
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
    return await promise;
  } finally {
    channel.unref();
    process.off('message', onMessage);
    signal.removeEventListener('abort', onAbort);
  }
}
