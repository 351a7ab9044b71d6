import type { z } from 'zod';
import type { Logger } from '../runtime/logger.ts';
import type { GenreList, MovieAnswer, MoviePage } from './answers.ts';
import type { Endpoint, Outage } from './endpoint.ts';
import type { TokenBucket } from './token-bucket/token-bucket.ts';
import type { Transport } from './transport.ts';

/** An answer worth keeping: its exact bytes and where they came from. `parsed` holds the fields relied on. */
export interface Recorded<T> {
  readonly url: string;
  /** The meaning of the answer: 404 also if a 200 says in its body that there is no such movie. */
  readonly httpStatus: number;
  readonly fetchedAt: Date;
  /** The document, byte for byte, with every compression undone. */
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
 * TMDb as the stages see it. Every request, retries included, takes a token of the shared bucket. All methods throw
 * - UnusableAnswerError if this one answer cannot be used (leads to a dead letter or a skipped page),
 * - CredentialsRefusedError on 401 or 403, UntrustedServerError when its certificate does not prove who it is; from then
 *   on nothing is sent for `refusedForMs`,
 * - TmdbUnreachableError when the endpoint as a whole is out for longer than `giveUpAfterMs`,
 * - the signal's reason when it aborts before the request is sent; one that was sent is waited for.
 * For an endpoint that is never given up, the client waits instead of throwing refusals and outages.
 */
export interface TmdbClient {
  /** The details of one movie; `httpStatus` is 404 and `parsed` null when TMDb has no such movie (any more). */
  movie(movieId: number, signal: AbortSignal): Promise<Recorded<z.infer<typeof MovieAnswer> | null>>;
  /** One page (1-500) of the popular list. */
  popular(page: number, signal: AbortSignal): Promise<Recorded<MoviePage>>;
  /** The movie genres, named in `language` (ISO 639-1). */
  genres(language: string, signal: AbortSignal): Promise<Recorded<GenreList>>;
  counts(): RequestCounts;
}

/** Called for every request; must not throw. */
export interface RequestObserver {
  /** @param outcome the meaning of the answer as an HTTP status, or `failed` if no answer came. */
  answered(endpoint: Endpoint, outcome: string): void;
  /** A request has waited so long for its token. */
  waited(ms: number): void;
  /** An endpoint is out for another reason than before, or back (null). */
  outage(endpoint: Endpoint, outage: Outage | null): void;
}

export interface TmdbClientOptions {
  readonly transport: Transport;
  readonly bucket: TokenBucket;
  readonly baseUrl: string;
  readonly concurrency: number;
  /** How long to wait during an outage of an endpoint once TMDb has answered; before that, the outage fails at once. */
  readonly giveUpAfterMs: number;
  /** Endpoints that are never given up, not even when credentials are refused. @default none */
  readonly neverGivenUp?: readonly Endpoint[];
  /** After a refusal nothing is sent for this time (ms), then one request tries again. @default Infinity */
  readonly refusedForMs?: number;
  /** Length of the bucket's window: the pause after a 429 that names none. */
  readonly windowMs: number;
  readonly log: Logger;
  readonly observer?: RequestObserver;
}
