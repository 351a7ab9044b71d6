/**
 * How much of the limit does the token bucket use, and does a strict server ever refuse?
 *
 *   npm run bench -- rate [--requests 400] [--limit 40/10s] [--latency 20-120] [--json]
 *
 * The yardstick is the limit itself: sending `requests` requests takes at least
 * (requests / capacity - 1) windows, because the first capacity is free. It is compared with the bucket's time from its first
 * request to its last, as the server saw them.
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../runtime/clock.ts';
import { createLogger } from '../runtime/logger.ts';
import { createProgress } from '../runtime/progress.ts';
import { Secret } from '../runtime/secret.ts';
import { parseRate } from '../runtime/units.ts';
import { GeneratedCatalogue } from '../sandbox/catalogue-generated.ts';
import { startSandbox } from '../sandbox/server.ts';
import { createTmdbClient } from '../tmdb/retrying-client.ts';
import { MemoryTokenBucket } from '../tmdb/token-bucket/memory.ts';
import { openTransport } from '../tmdb/transport.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '400' },
    limit: { type: 'string', default: '40/10s' },
    latency: { type: 'string', default: '20-120' },
    json: { type: 'boolean', default: false },
  },
});
const requests = Number(values.requests);
const limit = parseRate(values.limit) ?? { capacity: 40, windowMs: 10_000 };
const [minMs = 20, maxMs = 120] = values.latency.split('-').map(Number);

const arrivals: number[] = [];
const catalogue = new GeneratedCatalogue({ seed: 1, movies: requests });
const ids = Array.from({ length: requests }, (_, rank) => catalogue.idAtRank(rank));

await using sandbox = await startSandbox({
  movies: requests,
  limit,
  latencyMs: [minMs, maxMs],
  onRequest: ({ arrivedAtMs }) => arrivals.push(arrivedAtMs),
});
await using bucket = new MemoryTokenBucket(limit, systemClock);
await using transport = openTransport({
  baseUrl: sandbox.url,
  token: new Secret('bench'),
  apiKey: undefined,
  timeoutMs: 10_000,
  maxBodyBytes: 1_000_000,
  connections: 20,
});
const tmdb = createTmdbClient(
  {
    transport,
    bucket,
    baseUrl: sandbox.url,
    concurrency: 20,
    giveUpAfterMs: 60_000,
    windowMs: limit.windowMs,
    log: createLogger('warn', []),
  },
  { clock: systemClock, random: Math.random },
);

const signal = new AbortController().signal;
let done = 0;
{
  using progress = createProgress(process.stderr, systemClock);
  await Promise.all(
    ids.map(async (id) => {
      await tmdb.movie(id, signal);
      done += 1;
      progress.update('rate', { done, total: requests, unit: 'requests' });
    }),
  );
}

arrivals.sort((a, b) => a - b);
const seconds = ((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)) / 1_000;
const bestSeconds = ((Math.ceil(requests / limit.capacity) - 1) * limit.windowMs) / 1_000;
const stats = sandbox.stats();
const result = {
  requests: arrivals.length,
  refused: stats.byStatus['429'] ?? 0,
  mostInAnyWindow: stats.maxInAnyWindow,
  capacity: limit.capacity,
  seconds,
  bestSeconds,
  limitUsed: bestSeconds / seconds,
};
const text = `${result.requests} requests at ${values.limit}, answers after ${values.latency} ms
refused with 429    ${result.refused}
most in any window  ${result.mostInAnyWindow} of ${result.capacity}
time                ${seconds.toFixed(2)} s; the limit allows ${bestSeconds.toFixed(2)} s
limit used          ${(result.limitUsed * 100).toFixed(1)} %`;
process.stdout.write(`${values.json ? JSON.stringify(result) : text}\n`);
