import { afterAll, beforeAll, expect, it } from 'vitest';
import { Secret } from '../../runtime/secret.ts';
import { examineEviction } from '../../tmdb/token-bucket/eviction.ts';
import { RedisServer } from '../support/token-bucket/redis.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.[Symbol.asyncDispose]());

const policies = [
  ...['noeviction', 'volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl'].map(
    (policy) => [policy, 'no warning'] as const,
  ),
  ...['allkeys-lru', 'allkeys-lfu', 'allkeys-random'].map((policy) => [policy, 'a warning'] as const),
];

it.each(policies)('[R86] a store with the eviction policy %s causes %s', async (policy, verdict) => {
  await redis.command('CONFIG', 'SET', 'maxmemory-policy', policy);
  const finding = await examineEviction(new Secret(redis.url));
  if (verdict === 'no warning') expect(finding).toBeNull();
  else expect(finding).toMatchObject({ setting: 'maxmemory-policy', actual: policy });
});

it('[R86] a store that hides its policy causes a warning, such as a managed store or one with a restricted user', async () => {
  await redis.command('ACL', 'SETUSER', 'few', 'on', '>canary', '~*', '+@all', '-info', '-config');
  const url = redis.url.replace('redis://', 'redis://few:canary@');
  const finding = await examineEviction(new Secret(url));
  expect(finding).toMatchObject({ actual: 'unknown' });
  expect(JSON.stringify(finding)).not.toContain('canary');
});
