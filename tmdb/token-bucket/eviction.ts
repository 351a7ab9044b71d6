import type { Secret } from '../../runtime/secret.ts';
import { RedisTokenStore } from './redis-store.ts';

/** A wrong setting of the bucket's store. The limit holds despite it. */
export interface StoreFinding {
  readonly setting: 'maxmemory-policy';
  /** `unknown` if this user may not read it. */
  readonly actual: string;
  readonly why: string;
  readonly remedy: string;
}

/**
 * Checks whether the store evicts the bucket when its memory is full. Our keys have no expiry, so only policies
 * that evict any key do. An evicted bucket grants nothing for one window, as after a restart: requests wait, and the
 * limit holds.
 * @returns null if it does not evict. @throws TokenBucketUnavailableError, TokenBucketRefusedError.
 */
export async function examineEviction(url: Secret): Promise<StoreFinding | null> {
  await using store = new RedisTokenStore({ url, key: 'tmdb-stream' });
  const policy = await store.evictionPolicy();
  if (policy === null) {
    return {
      ...{ setting: 'maxmemory-policy', actual: 'unknown' },
      why: 'the store does not say whether it evicts the token bucket when its memory is full',
      remedy: 'allow its user the command INFO, or make sure that the policy is noeviction or volatile-*',
    };
  }
  if (!policy.startsWith('allkeys-')) return null;
  return {
    ...{ setting: 'maxmemory-policy', actual: policy },
    why: 'the store evicts the token bucket when its memory is full: then no request is sent for a window of the limit',
    remedy: 'CONFIG SET maxmemory-policy noeviction (or volatile-lru), or give the bucket a store of its own',
  };
}

/** One line for the user. */
export const storeLineOf = ({ setting, actual, why, remedy }: StoreFinding): string =>
  `${setting} is ${actual}: ${why}. ${remedy}`;
