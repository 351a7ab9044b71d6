import { MemoryTokenBucket } from '../../tmdb/token-bucket/memory.ts';
import { ManualClock } from '../support/clock/manual-clock.ts';
import { tokenBucketContract } from '../support/token-bucket/token-bucket-contract.ts';

tokenBucketContract('MemoryTokenBucket', async (limit) => {
  const clock = new ManualClock();
  return {
    bucket: new MemoryTokenBucket(limit, clock),
    now: () => clock.monotonic(),
    advance: (ms) => clock.advance(ms),
  };
});
