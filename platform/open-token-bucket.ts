import { systemClock } from '../runtime/clock.ts';
import { isRetriable } from '../runtime/errors.ts';
import { MemoryTokenBucket } from '../tmdb/token-bucket/memory.ts';
import type { SharedTokenBucket } from '../tmdb/token-bucket/shared.ts';
import type { TokenBucket } from '../tmdb/token-bucket/token-bucket.ts';
import type { Context } from './context.ts';
import type { LocalServices } from './local-services.ts';

/** The bucket of the whole fleet, or of this process alone. @param resources closes it. @param local finds `up`. */
export async function openTokenBucket(
  context: Context,
  resources: AsyncDisposableStack,
  local: () => Promise<LocalServices | null>,
): Promise<TokenBucket> {
  const { config, log, health, metrics } = context;
  const { rateLimit: limit, timeoutMs: requestTimeoutMs } = config.tmdb;
  const services = config.tokenBucketUrl ? null : await local();
  const currentUrl = services ? () => services().tokenStoreUrl : undefined;
  const url = config.tokenBucketUrl ?? currentUrl?.();
  if (!url) return resources.use(new MemoryTokenBucket(limit, systemClock));
  // Loaded here, because loading Redis's client takes a quarter of a command's start.
  const { openSharedTokenBucket } = await import('../tmdb/token-bucket/redis.ts');
  const { examineEviction } = await import('../tmdb/token-bucket/eviction.ts');
  let bucket: SharedTokenBucket | undefined;
  health.dependsOn('token_bucket', async () => {
    if (!bucket?.isReachable) throw new Error('the store of the token bucket cannot be reached');
  });
  const store = { url, ...(currentUrl && { currentUrl }) };
  bucket = resources.use(await openSharedTokenBucket({ ...store, limit, requestTimeoutMs, clock: systemClock, log }));
  // The bucket itself reports that its store cannot be reached.
  const finding = await examineEviction(url).catch((error) => {
    if (isRetriable(error)) return null;
    throw error;
  });
  if (finding) {
    const { setting, why, ...fields } = finding;
    metrics.preconditionsUnmet.set({ subject: 'token_bucket', setting }, 1);
    log.warn({ setting, ...fields }, why);
  }
  return bucket;
}
