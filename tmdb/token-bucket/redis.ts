import type { RetryContext } from '../../runtime/retry.ts';
import type { Secret } from '../../runtime/secret.ts';
import { RedisTokenStore } from './redis-store.ts';
import { type SharedBucketOptions, SharedTokenBucket } from './shared.ts';

interface RedisBucketOptions extends SharedBucketOptions, Pick<RetryContext, 'clock'> {
  /** `redis://` or `rediss://`, which may contain user and password. */
  readonly url: Secret;
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
  const { url, clock, key = 'tmdb-stream', random = Math.random } = options;
  const store = new RedisTokenStore({ url, key });
  try {
    return await SharedTokenBucket.open(store, options, { clock, random });
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}
