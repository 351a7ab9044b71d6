import { systemClock } from '../runtime/clock.ts';
import { proxyFor } from '../runtime/proxy.ts';
import { Secret } from '../runtime/secret.ts';
import { type Endpoint, endpoints, type Outage } from '../tmdb/endpoint.ts';
import type { RequestObserver, TmdbClient } from '../tmdb/tmdb-client.ts';
import type { TokenBucket } from '../tmdb/token-bucket/token-bucket.ts';
import type { Config } from './config.ts';
import type { Context, PlatformOptions } from './context.ts';

/** How long (ms) a service waits before it retries refused credentials. */
const refusedForMs = 60_000;

interface TmdbParts {
  readonly server: TmdbServer;
  readonly bucket: TokenBucket;
  /** Receives each endpoint that is out. */
  readonly outages: Map<Endpoint, Outage>;
}

/** Where TMDb is: its API, with the credentials for it, and its exports. */
export type TmdbServer = Pick<Config['tmdb'], 'baseUrl' | 'exportUrl' | 'token' | 'apiKey'>;

/** TMDb, or a sandbox if there are no credentials. @param resources closes the sandbox. */
export const findServer = async (context: Context, resources: AsyncDisposableStack): Promise<TmdbServer> =>
  context.config.origin === 'tmdb' ? context.config.tmdb : startOwnSandbox(context, resources);

/** A client of the daily exports. It has no credentials. */
export async function openExports({ config }: Context, resources: AsyncDisposableStack, { exportUrl }: TmdbServer) {
  const { openMovieExports } = await import('../tmdb/movie-export.ts');
  const { timeoutMs } = config.tmdb;
  return resources.use(openMovieExports({ url: exportUrl, timeoutMs, proxy: proxyFor(exportUrl, config.proxy) }));
}

/**
 * A client of TMDb, or of a sandbox if there are no credentials.
 * @param resources closes what is opened here.
 */
export async function openTmdb(
  context: Context,
  resources: AsyncDisposableStack,
  { server, bucket, outages }: TmdbParts,
  { isService = false }: PlatformOptions,
): Promise<TmdbClient> {
  const { config, log } = context;
  // Loaded here, because many commands send no request to TMDb.
  const { createTmdbClient } = await import('../tmdb/retrying-client.ts');
  const { openTransport } = await import('../tmdb/transport.ts');
  const { rateLimit, concurrency, timeoutMs, maxBodyBytes, giveUpAfterMs, parts } = config.tmdb;
  const { baseUrl, token, apiKey } = server;
  const transport = resources.use(
    openTransport({
      ...{ baseUrl, token, apiKey, timeoutMs, maxBodyBytes, connections: concurrency },
      proxy: proxyFor(baseUrl, config.proxy),
    }),
  );
  return createTmdbClient(
    {
      ...{ transport, bucket, baseUrl, parts, concurrency, giveUpAfterMs, windowMs: rateLimit.windowMs, log },
      ...(isService && { neverGivenUp: ['movie'], refusedForMs }),
      observer: observeTmdb(context, outages),
    },
    { clock: systemClock, random: Math.random },
  );
}

/** Counts requests, and shows in metrics and readiness which endpoints are out. */
function observeTmdb({ metrics, health }: Context, outages: Map<Endpoint, Outage>): RequestObserver {
  for (const endpoint of endpoints) {
    health.dependsOn(`tmdb_${endpoint}`, async () => {
      const outage = outages.get(endpoint);
      if (outage) throw new Error(outage.message);
    });
  }
  return {
    answered: (endpoint, outcome) => metrics.requests.inc({ endpoint, outcome }),
    waited: (ms) => metrics.tokenWait.observe(ms / 1_000),
    outage: (endpoint, outage) => {
      const before = outages.get(endpoint);
      if (before) metrics.endpointOut.set({ endpoint, reason: before.reason }, 0);
      if (outage) metrics.endpointOut.set({ endpoint, reason: outage.reason }, 1);
      if (outage) outages.set(endpoint, outage);
      else outages.delete(endpoint);
    },
  };
}

/** A sandbox for users without a token. It enforces the rate limit as strictly as TMDb. */
async function startOwnSandbox({ config, progress }: Context, resources: AsyncDisposableStack): Promise<TmdbServer> {
  const { catalogueFile, movies, seed } = config.sandbox;
  const catalogue = catalogueFile ? { catalogueFile } : { movies, seed };
  const { startSandbox } = await import('../sandbox/server.ts');
  const sandbox = resources.use(
    await startSandbox({ ...catalogue, limit: config.tmdb.rateLimit, latencyMs: [20, 120] }),
  );
  progress.note(
    `sandbox  no TMDB_TOKEN is set: using a sandbox at ${sandbox.url} (${catalogueFile ?? `${movies} invented movies`})`,
  );
  const exportUrl = new URL(sandbox.url).origin;
  return { baseUrl: sandbox.url, exportUrl, token: new Secret('sandbox'), apiKey: undefined };
}
