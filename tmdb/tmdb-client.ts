import type { z } from 'zod';
import type { Logger } from '../runtime/logger.ts';
import type { GenreList, MovieAnswer, MoviePage } from './answers.ts';
import type { AppendedPart } from './appended-parts.ts';
import type { Endpoint, Outage } from './endpoint.ts';
import type { TokenBucket } from './token-bucket/token-bucket.ts';
import type { Transport } from './transport.ts';

/** An answer to store: its exact bytes and their source. `parsed` contains the fields that the pipeline uses. */
export interface Recorded<T> {
  readonly url: string;
  /** The meaning of the answer: 404 also if a 200 says in its body that there is no such movie. */
  readonly httpStatus: number;
  readonly fetchedAt: Date;
  /** The decompressed document, byte for byte. */
  readonly body: Buffer;
  readonly parsed: T;
}

/** The requests sent so far. */
export interface RequestCounts {
  readonly requests: number;
  /** The meaning of the answer as an HTTP status, or `failed` if no answer came → requests. */
  readonly byOutcome: Readonly<Record<string, number>>;
}

/**
 * The client of TMDb for the stages. Every request, retries included, takes a token of the shared bucket. All methods throw
 * - UnusableAnswerError if this one answer cannot be used (leads to a dead letter or a skipped page),
 * - CredentialsRefusedError on 401 or 403, UntrustedServerError if the server's certificate does not identify it; after that,
 *   nothing is sent for `refusedForMs`,
 * - TmdbUnreachableError if the endpoint as a whole is out for longer than `giveUpAfterMs`,
 * - the signal's reason if it aborts before the request is sent; a request in flight is completed.
 * For an endpoint that is never given up, the client waits instead of throwing refusals and outages.
 */
export interface TmdbClient {
  /** The details of one movie; `httpStatus` is 404 and `parsed` null if TMDb has no such movie (any more). */
  movie(movieId: number, signal: AbortSignal): Promise<Recorded<z.infer<typeof MovieAnswer> | null>>;
  /** One page (1-500) of the popular list. */
  popular(page: number, signal: AbortSignal): Promise<Recorded<MoviePage>>;
  /** One page (1-500) of the movies that changed on a UTC day, `YYYY-MM-DD`. Its total is not reliable: only an empty page ends the list. */
  changes(day: string, page: number, signal: AbortSignal): Promise<Recorded<MoviePage>>;
  /** The movie genres, named in `language` (ISO 639-1). */
  genres(language: string, signal: AbortSignal): Promise<Recorded<GenreList>>;
  counts(): RequestCounts;
}

/** Called for every request; must not throw. */
export interface RequestObserver {
  /** @param outcome the meaning of the answer as an HTTP status, or `failed` if no answer came. */
  answered(endpoint: Endpoint, outcome: string): void;
  /** How long (s) a request waited for its token. */
  waited(ms: number): void;
  /** The reason of an endpoint's outage has changed, or the outage has ended (null). */
  outage(endpoint: Endpoint, outage: Outage | null): void;
}

export interface TmdbClientOptions {
  readonly transport: Transport;
  readonly bucket: TokenBucket;
  readonly baseUrl: string;
  /** What each request for a movie also asks for. @default nothing */
  readonly parts?: readonly AppendedPart[];
  readonly concurrency: number;
  /** How long to wait during an outage of an endpoint once TMDb has answered; before that, the outage fails at once. */
  readonly giveUpAfterMs: number;
  /** Endpoints that are never given up, not even when credentials are refused. @default none */
  readonly neverGivenUp?: readonly Endpoint[];
  /** After a refusal nothing is sent for this time (ms), then one request tries again. @default Infinity */
  readonly refusedForMs?: number;
  /** Length of the bucket's window: the pause after a 429 without Retry-After. */
  readonly windowMs: number;
  readonly log: Logger;
  readonly observer?: RequestObserver;
}
