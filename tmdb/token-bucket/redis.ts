import type { RetryContext } from '../../runtime/retry.ts';
import type { Secret } from '../../runtime/secret.ts';
import { RedisTokenStore } from './redis-store.ts';
import { type SharedBucketOptions, SharedTokenBucket } from './shared.ts';

interface RedisBucketOptions extends SharedBucketOptions, Pick<RetryContext, 'clock'> {
  /** `redis://` or `rediss://`; user and password may stand in it. */
  readonly url: Secret;
  /** Who uses the same shares the bucket. @default 'tmdb-stream' */
  readonly key?: string;
  /** @default Math.random */
  readonly random?: () => number;
}

/**
 * Opens the bucket that a fleet shares. It takes a few seconds to find out that the store cannot be reached; once the
 * bucket is open, an outage of the store is waited out.
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
