import { all, remove, swap } from '../change.ts';
import type { Mutant } from '../mutant.ts';

const memory = 'tmdb/token-bucket/memory.ts';
const lua = 'tmdb/token-bucket/bucket.lua';
const shared = 'tmdb/token-bucket/shared.ts';
const inMemory = { files: ['test/contract/memory-token-bucket.test.ts'] };
const onRedis = { files: ['test/contract/redis-token-bucket.test.ts'] };
const faults = { files: ['test/contract/shared-token-bucket-faults.test.ts'] };

/** No window has more requests than the limit, even if processes die and the store loses data. */
export const tokenMutants: readonly Mutant[] = [
  {
    name: 'tokens: one more than the limit, in memory',
    file: memory,
    place: 'tokens.capacity',
    change: swap('limit.capacity', 'limit.capacity + 1'),
    tests: inMemory,
  },
  {
    name: 'tokens: a token cools from the request instead of the response, in memory',
    file: memory,
    place: 'tokens.returned',
    change: all(
      swap('let isHeld = true;', 'let isHeld = true; const freeAt = this.#clock.monotonic() + this.#windowMs;'),
      swap(/push\(.*\);/, 'push(freeAt);'),
    ),
    tests: inMemory,
  },
  {
    name: 'tokens: a token returned twice counts twice, in memory',
    file: memory,
    place: 'tokens.returned',
    change: swap('if (!isHeld) return;', ''),
    tests: inMemory,
  },
  {
    name: 'tokens: a pause pauses no request, in memory',
    file: memory,
    place: 'tokens.pause',
    change: swap(/now >= this\.#pausedUntil && /, ''),
    tests: inMemory,
  },
  {
    name: 'tokens: one more than the limit, in the store',
    file: lua,
    place: 'tokens.capacity',
    change: swap('capacity -', 'capacity + 1 -'),
    tests: onRedis,
  },
  {
    name: 'tokens: a token cools from the request instead of the response, in the store',
    file: lua,
    place: 'tokens.returned',
    change: swap(
      /text\(.*\), own/,
      "text(tonumber(redis.call('ZSCORE', tokens_key, own(token.id)) or now + hold) - timeout), own",
    ),
    tests: onRedis,
  },
  {
    name: 'tokens: a store that lost data grants at once',
    file: lua,
    place: 'tokens.lost-store',
    change: remove,
    tests: faults,
  },
  {
    name: 'tokens: the eviction of tokens is not detected',
    file: lua,
    place: 'tokens.evicted',
    change: swap(/ or tonumber.*/, ''),
    tests: faults,
  },
  {
    name: 'tokens: a change of the server is not detected',
    file: lua,
    place: 'tokens.other-server',
    change: swap(/= .*/, '= false'),
    tests: faults,
  },
  {
    name: 'tokens: the token of a long request is given to others while its holder lives',
    file: lua,
    place: 'tokens.held-while-alive',
    change: swap(/math\.max\(free_at, alive_until\)/, 'free_at'),
    tests: { files: ['test/contract/shared-token-bucket.test.ts', 'test/contract/shared-token-bucket-faults.test.ts'] },
  },
  {
    name: 'tokens: a late grant is used',
    file: shared,
    place: 'tokens.late-grant',
    change: swap('!isLate && ', ''),
    tests: faults,
  },
  {
    name: 'tokens: a clock of the store that is set forward is not noticed',
    file: shared,
    place: 'tokens.clock-set-forward',
    change: remove,
    tests: faults,
  },
  {
    name: 'tokens: grants whose reply was lost are never returned',
    file: shared,
    place: 'tokens.lost-reply',
    change: swap('index < wanted', 'index < 0'),
    tests: faults,
  },
];
