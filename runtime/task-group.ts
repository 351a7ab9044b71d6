/** A stage that ends by itself or when its signal aborts. */
type Stage<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Runs stages side by side. The first that fails stops the others, which drain.
 * @returns what they came to. @throws what the first failed with, once all are over; the signal's reason when it aborted
 * and nothing failed before.
 */
export async function runTaskGroup<const S extends readonly Stage<unknown>[]>(
  signal: AbortSignal,
  stages: S,
): Promise<{ -readonly [K in keyof S]: Awaited<ReturnType<S[K]>> }> {
  const failed = new AbortController();
  const together = AbortSignal.any([signal, failed.signal]);
  const settled = await Promise.allSettled(
    stages.map((stage) =>
      stage(together).catch((error) => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  if (failed.signal.aborted) throw failed.signal.reason;
  return settled.map((one) => (one.status === 'fulfilled' ? one.value : undefined)) as never;
}
