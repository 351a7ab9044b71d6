import { z } from 'zod';
import type { Config } from '../platform/config.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import { formatBytes, formatDuration } from '../runtime/units.ts';
import { durationAt, type RateLimit } from '../tmdb/token-bucket/token-bucket.ts';

/** What a run will cost, as far as it is known before the run begins. */
export const estimateShape = z.object({
  pages: count.describe('pages of the popular list to walk, if the list has that many'),
  movies: count.describe('movies to fetch: those on the pages that are not fresh, and ids that wait from earlier runs'),
  requests: count.describe('requests to TMDb for the lists and the movies, without retries'),
  minutes: z.number().describe('time for these requests at TMDB_RATE_LIMIT'),
  bytes: count.describe('disk space that the run needs on this machine, in Kafka and in DuckDB'),
});
export type Estimate = ValueOf<typeof estimateShape>;

/** What is known before a run. */
export interface Known {
  readonly pages: number;
  /** Movies that were requested less than TMDB_REFRESH_AFTER ago. */
  readonly fresh: number;
  /** Ids that wait for the fetcher. */
  readonly waiting: number;
  readonly limit: RateLimit;
  readonly disk: Disk;
}

/** Disk space on this machine, in bytes. */
export interface Disk {
  /** For one fetched movie. */
  readonly ofMovie: number;
  /** For what every new warehouse has. */
  readonly ofWarehouse: number;
}

/** Mean size of an answer with a movie, in bytes. */
const answer = { tmdb: 5_000, recorded: 5_000, generated: 1_700 };

/** Mean size of an appended part, in bytes. The sandbox invents them for recorded movies too. Those of TMDb are not measured. */
const inventedParts = { release_dates: 2_200, credits: 13_700, keywords: 300 };
const partsOf = {
  tmdb: { release_dates: 5_000, credits: 40_000, keywords: 700 },
  recorded: inventedParts,
  generated: inventedParts,
};

/** Measured with 240 to 10,000 movies: docs/benchmarks.md. */
const overhead = { ofRecord: 250, ofRow: 1.2, ofWarehouse: 13_600_000 };

/** @param isNew whether the warehouse does not exist yet. */
export function diskOf({ kafka, warehouse, tmdb, origin }: Config, isNew: boolean): Disk {
  const bytes = tmdb.parts.reduce((sum, part) => sum + partsOf[origin][part], answer[origin]);
  const inKafka = kafka.brokers ? 0 : bytes + overhead.ofRecord;
  const inDuckDb = warehouse.duckdb ? bytes * overhead.ofRow : 0;
  return { ofMovie: inKafka + inDuckDb, ofWarehouse: warehouse.duckdb && isNew ? overhead.ofWarehouse : 0 };
}

/** Movies on a page of the popular list. */
const moviesOnPage = 20;

/** Estimates a run as if the fresh movies were on the pages, as after a run with the same pages. */
export function estimate({ pages, fresh, waiting, limit, disk }: Known): Estimate {
  const movies = Math.max(0, pages * moviesOnPage - fresh) + waiting;
  const genreLists = 1;
  const requests = pages + genreLists + movies;
  const bytes = Math.round(movies * disk.ofMovie + disk.ofWarehouse);
  return { pages, movies, requests, minutes: durationAt(limit, requests) / 60_000, bytes };
}

/** The estimate in one line. */
export function estimateText({ pages, movies, requests, minutes, bytes }: Estimate, limit: RateLimit): string {
  const rate = `${limit.capacity} in ${formatDuration(limit.windowMs)}`;
  const disk = bytes > 0 ? `, ${formatBytes(bytes)} on this disk` : '';
  const what = `${pages} ${pages === 1 ? 'page' : 'pages'} of the popular list, ${movies} movies to fetch`;
  return `about ${requests} requests (${what}): ${formatDuration(minutes * 60_000)} at ${rate}${disk}`;
}
