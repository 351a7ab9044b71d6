import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { BucketFleet } from './bucket-fleet.ts';
import { RedisServer } from './redis.ts';

/**
 * Starts one Redis for the tests of a file, and a new fleet on it for each test.
 * @param onOpened receives the new fleet and its Redis before each test.
 */
export function shareBucketFleet(onOpened: (fleet: BucketFleet, server: RedisServer) => void): void {
  let server: RedisServer;
  let fleet: BucketFleet;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  beforeEach(() => {
    fleet = new BucketFleet(server);
    onOpened(fleet, server);
  });
  afterEach(() => fleet[Symbol.asyncDispose]());
  afterAll(() => server[Symbol.asyncDispose]());
}
