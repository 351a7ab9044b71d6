import { afterAll, afterEach, beforeAll } from 'vitest';
import { BucketFleet } from '../support/token-bucket/bucket-fleet.ts';
import { RedisServer } from '../support/token-bucket/redis.ts';
import { tokenBucketContract } from '../support/token-bucket/token-bucket-contract.ts';

let server: RedisServer;
let fleet: BucketFleet;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterEach(() => fleet[Symbol.asyncDispose]());
afterAll(() => server[Symbol.asyncDispose]());

tokenBucketContract('SharedTokenBucket on Redis', async (limit) => {
  fleet = new BucketFleet(server);
  const { clock } = fleet;
  const { bucket } = await fleet.join('a', limit);
  // An empty store may have lost its data, so it grants nothing for one window.
  await clock.advance(limit.windowMs);
  return { bucket, now: () => clock.monotonic(), advance: (ms) => clock.advance(ms) };
});
