/** Resolves once any of the signals is aborted; a signal that is undefined never is. */
export const whenAborted = (...signals: readonly (AbortSignal | undefined)[]): Promise<void> =>
  new Promise((resolve) => {
    const any = AbortSignal.any(signals.filter((signal) => signal !== undefined));
    if (any.aborted) resolve();
    else any.addEventListener('abort', () => resolve(), { once: true });
  });
