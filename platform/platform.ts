import { lazy } from '../runtime/lazy.ts';
import type { Endpoint, Outage } from '../tmdb/endpoint.ts';
import type { MovieExports } from '../tmdb/movie-export.ts';
import type { TmdbClient } from '../tmdb/tmdb-client.ts';
import type { TokenBucket } from '../tmdb/token-bucket/token-bucket.ts';
import type { Context, PlatformOptions } from './context.ts';
import { joinLocalServices } from './local-services.ts';
import { type KafkaPlatform, openKafka } from './open-kafka.ts';
import { findServer, openExports, openTmdb } from './open-tmdb.ts';
import { openTokenBucket } from './open-token-bucket.ts';

/** The clients that stages share. They are created only here, on first use, and closed in reverse order. */
export interface Platform extends AsyncDisposable {
  readonly kafka: () => Promise<KafkaPlatform>;
  readonly bucket: () => Promise<TokenBucket>;
  /** Whether other processes share the bucket. The bucket of one process cannot be read from another. */
  readonly isBucketShared: () => Promise<boolean>;
  readonly tmdb: () => Promise<TmdbClient>;
  /** TMDb's daily exports. */
  readonly exports: () => Promise<MovieExports>;
  /** Why an endpoint of TMDb is out, as this process sees it; undefined while it answers. */
  readonly tmdbOutage: (endpoint: Endpoint) => Outage | undefined;
}

export function openPlatform(context: Context, options: PlatformOptions = {}): Platform {
  const resources = new AsyncDisposableStack();
  // Once for both clients: a process that uses the broker of `up` also uses its token store.
  const local = lazy(() => joinLocalServices(context, options));
  const bucket = lazy(() => openTokenBucket(context, resources, local));
  const server = lazy(() => findServer(context, resources));
  const outages = new Map<Endpoint, Outage>();
  return {
    kafka: lazy(() => openKafka(context, resources, options, local)),
    bucket,
    isBucketShared: async () => context.config.tokenBucketUrl !== undefined || (await local()) !== null,
    tmdb: lazy(async () => {
      const parts = { server: await server(), bucket: await bucket(), outages };
      return openTmdb(context, resources, parts, options);
    }),
    exports: lazy(async () => openExports(context, resources, await server())),
    tmdbOutage: (endpoint) => outages.get(endpoint),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
