import type { Mutant } from '../mutant.ts';

const memory = 'tmdb/token-bucket/memory.ts';
const lua = 'tmdb/token-bucket/bucket.lua';
const shared = 'tmdb/token-bucket/shared.ts';
const inMemory = { files: ['test/contract/memory-token-bucket.test.ts'] };
const onRedis = { files: ['test/contract/redis-token-bucket.test.ts'] };
const faults = { files: ['test/contract/shared-token-bucket-faults.test.ts'] };

/** No window with more requests than the limit, whichever process dies and whatever the store loses. */
export const tokenMutants: readonly Mutant[] = [
  {
    name: 'tokens: one more than the limit, in memory',
    file: memory,
    find: 'this.#free = limit.capacity;',
    replace: 'this.#free = limit.capacity + 1;',
    tests: inMemory,
  },
  {
    name: 'tokens: a token cools from the request on, in memory',
    file: memory,
    find: `    let isHeld = true;
    return {
      returned: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#cooling.push(this.#clock.monotonic() + this.#windowMs);`,
    replace: `    let isHeld = true;
    const freeAt = this.#clock.monotonic() + this.#windowMs;
    return {
      returned: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#cooling.push(freeAt);`,
    tests: inMemory,
  },
  {
    name: 'tokens: a token returned twice counts twice, in memory',
    file: memory,
    find: 'if (!isHeld) return;',
    replace: '',
    tests: inMemory,
  },
  {
    name: 'tokens: a pause pauses no request, in memory',
    file: memory,
    find: 'while (now >= this.#pausedUntil && this.#free > 0',
    replace: 'while (this.#free > 0',
    tests: inMemory,
  },
  {
    name: 'tokens: one more than the limit, in the store',
    file: lua,
    find: "local free = capacity - redis.call('ZCARD', tokens_key)",
    replace: "local free = capacity + 1 - redis.call('ZCARD', tokens_key)",
    tests: onRedis,
  },
  {
    name: 'tokens: a token cools from the request on, in the store',
    file: lua,
    find: 'text(now - micros(token.agoMs) + window), own(token.id))',
    replace: "text(tonumber(redis.call('ZSCORE', tokens_key, own(token.id)) or now + hold) - timeout), own(token.id))",
    tests: onRedis,
  },
  {
    name: 'tokens: a store that lost data grants at once',
    file: lua,
    find: 'if is_lost then closed = now + window end',
    replace: '',
    tests: faults,
  },
  {
    name: 'tokens: that tokens were evicted is not noticed',
    file: lua,
    find: "is_other_run or tonumber(meta.count) ~= redis.call('ZCARD', tokens_key)",
    replace: 'is_other_run',
    tests: faults,
  },
  {
    name: 'tokens: that another server answers is not noticed',
    file: lua,
    find: "local is_other_run = run ~= '' and run ~= meta.run",
    replace: 'local is_other_run = false',
    tests: faults,
  },
  {
    name: 'tokens: the token of a long request is given to others while its holder lives',
    file: lua,
    find: 'text(math.max(free_at, alive_until))',
    replace: 'text(free_at)',
    tests: { files: ['test/contract/shared-token-bucket.test.ts', 'test/contract/shared-token-bucket-faults.test.ts'] },
  },
  {
    name: 'tokens: a grant that comes late is used',
    file: shared,
    find: 'const isGiven = !isLate && ',
    replace: 'const isGiven = ',
    tests: faults,
  },
  {
    name: 'tokens: grants whose reply was lost are never given back',
    file: shared,
    find: 'for (let index = 0; index < wanted; index += 1) this.#reports',
    replace: 'for (let index = 0; index < 0; index += 1) this.#reports',
    tests: faults,
  },
];
