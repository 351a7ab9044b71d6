/** A stage that ends by itself or when its signal aborts. */
type Stage<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Runs stages concurrently. The first failure stops the others, which drain.
 * @returns the stages' results. @throws the error of the first failure after all stages have ended; the signal's reason if it aborted
 * before any failure.
 */
export async function runTaskGroup<const S extends readonly Stage<unknown>[]>(
  signal: AbortSignal,
  stages: S,
): Promise<{ -readonly [K in keyof S]: Awaited<ReturnType<S[K]>> }> {
  const failed = new AbortController();
  const combined = AbortSignal.any([signal, failed.signal]);
  const settled = await Promise.allSettled(
    stages.map((stage) =>
      stage(combined).catch((error) => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  if (failed.signal.aborted) throw failed.signal.reason;
  return settled.map((one) => (one.status === 'fulfilled' ? one.value : undefined)) as never;
}
