import type { RetryContext } from '../../runtime/retry.ts';
import { RedisTokenStore, type RedisTokenStoreOptions } from './redis-store.ts';
import { type SharedBucketOptions, SharedTokenBucket } from './shared.ts';

interface RedisBucketOptions
  extends SharedBucketOptions,
    Pick<RetryContext, 'clock'>,
    Pick<RedisTokenStoreOptions, 'url' | 'currentUrl'> {
  /** Processes with the same key share the bucket. @default 'tmdb-stream' */
  readonly key?: string;
  /** @default Math.random */
  readonly random?: () => number;
}

/**
 * Opens the bucket that a fleet shares. If the store cannot be reached, this fails after a few seconds. Once the
 * bucket is open, it waits until an outage of the store ends.
 * @throws TokenBucketUnavailableError, TokenBucketRefusedError
 */
export async function openSharedTokenBucket(options: RedisBucketOptions): Promise<SharedTokenBucket> {
  const { url, currentUrl, clock, key = 'tmdb-stream', random = Math.random } = options;
  const store = new RedisTokenStore({ url, key, ...(currentUrl && { currentUrl }) });
  try {
    return await SharedTokenBucket.open(store, options, { clock, random });
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}
