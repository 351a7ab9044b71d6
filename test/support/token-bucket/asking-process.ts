/**
 * A process that requests details, ten at a time, with a shared bucket, until standard input ends. Its argument is JSON:
 * `storeUrl`, `baseUrl`, `limit`, `timeoutMs` and `ids`, the movies that it requests in a loop.
 */
import { systemClock } from '../../../runtime/clock.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { Secret } from '../../../runtime/secret.ts';
import { createTmdbClient } from '../../../tmdb/retrying-client.ts';
import { openSharedTokenBucket } from '../../../tmdb/token-bucket/redis.ts';
import { openTransport } from '../../../tmdb/transport.ts';

const { storeUrl, baseUrl, limit, timeoutMs, ids } = JSON.parse(process.argv[2] ?? '{}');
const log = createLogger('warn', []);
const bucket = await openSharedTokenBucket({
  ...{ url: new Secret(storeUrl), limit, requestTimeoutMs: timeoutMs, clock: systemClock, log },
});
const transport = openTransport({
  ...{ baseUrl, token: new Secret('made-up'), apiKey: undefined, timeoutMs, maxBodyBytes: 1_000_000, connections: 10 },
});
const options = { transport, bucket, baseUrl, concurrency: 10, giveUpAfterMs: 60_000, windowMs: limit.windowMs, log };
const tmdb = createTmdbClient(options, { clock: systemClock, random: Math.random });
const never = new AbortController().signal;

process.stdin.on('end', () => process.exit()).resume();
const askForEver = async (first: number): Promise<never> => {
  for (let at = first; ; at += 1) await tmdb.movie(ids[at % ids.length], never);
};
await Promise.all(Array.from({ length: 10 }, (_, slot) => askForEver(slot)));
