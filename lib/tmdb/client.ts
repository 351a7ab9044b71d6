import PQueue from 'p-queue';
import type { z } from 'zod';
import { isRetriable, messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { fullJitter, type RetryContext } from '../retry.ts';
import type { Token, TokenBucket } from '../token-bucket/token-bucket.ts';
import { GenreList, type MovieAnswer, PopularPage } from './answers.ts';
import {
  CredentialsRefusedError,
  TmdbUnreachableError,
  TooManyRequestsError,
  UntrustedServerError,
  UnusableAnswerError,
} from './errors.ts';
import { interpretMovie, parse } from './interpret.ts';
import { retryAfterMs } from './retry-after.ts';
import type { Answer, Transport } from './transport.ts';

/** An answer worth keeping: its exact bytes and where they came from. `parsed` holds the fields relied on. */
interface Recorded<T> {
  readonly url: string;
  readonly httpStatus: number;
  readonly fetchedAt: Date;
  readonly body: Buffer;
  readonly parsed: T;
}

/** What went over the wire so far. */
export interface RequestCounts {
  readonly requests: number;
  /** HTTP status, or `failed` where no answer came → requests. */
  readonly byOutcome: Readonly<Record<string, number>>;
}

/**
 * TMDb as the stages see it. Every request, retries included, takes a token of the shared bucket. All methods throw
 * - UnusableAnswerError when this one answer cannot be had (a dead letter),
 * - CredentialsRefusedError on 401 or 403, UntrustedServerError when its certificate does not prove who it is; from then
 *   on nothing is sent any more,
 * - TmdbUnreachableError when TMDb as a whole is down for longer than `giveUpAfterMs`,
 * - the signal's reason when it aborts before the request is sent; one that was sent is waited for.
 */
export interface TmdbClient {
  /** The details of one movie; `httpStatus` is 404 and `parsed` null when TMDb has no such movie (any more). */
  movie(movieId: number, signal: AbortSignal): Promise<Recorded<z.infer<typeof MovieAnswer> | null>>;
  /** One page (1-500) of the popular list. */
  popular(page: number, signal: AbortSignal): Promise<Recorded<z.infer<typeof PopularPage>>>;
  /** The movie genres, named in `language` (ISO 639-1). */
  genres(language: string, signal: AbortSignal): Promise<Recorded<z.infer<typeof GenreList>>>;
  counts(): RequestCounts;
}

/** Which of TMDb's endpoints a request went to. */
type Endpoint = 'movie' | 'popular' | 'genres';

/** Told of every request; must not throw. */
export interface RequestObserver {
  /** @param outcome HTTP status, or `failed` where no answer came. */
  answered(endpoint: Endpoint, outcome: string): void;
  /** A request has waited so long for its token. */
  waited(ms: number): void;
}

export interface TmdbClientOptions {
  readonly transport: Transport;
  readonly bucket: TokenBucket;
  readonly baseUrl: string;
  readonly concurrency: number;
  readonly giveUpAfterMs: number;
  /** Length of the bucket's window: the pause after a 429 that names none. */
  readonly windowMs: number;
  readonly log: Logger;
  readonly observer?: RequestObserver;
}

const maxAttempts = 5;
const backoff = { baseMs: 500, capMs: 30_000 };
const longestPauseMs = 60_000;

/** One question to TMDb and how its answer is read. */
interface Question<T> {
  readonly endpoint: Endpoint;
  readonly path: string;
  readonly interpret: (answer: Answer, path: string) => T;
}

const genresQuestion = (language: string): Question<z.infer<typeof GenreList>> => ({
  endpoint: 'genres',
  path: `/genre/movie/list?language=${encodeURIComponent(language)}`,
  interpret: (answer, path) => parse(GenreList, answer, path),
});

class Client implements TmdbClient {
  readonly #options: TmdbClientOptions;
  readonly #context: RetryContext;
  readonly #queue: PQueue;
  readonly #byOutcome: Record<string, number> = {};
  #requests = 0;
  #refused: CredentialsRefusedError | UntrustedServerError | undefined;
  /** Monotonic ms of the first failure since the last success; undefined while TMDb answers. */
  #failingSince: number | undefined;
  #hasSucceeded = false;
  #probe: Promise<boolean> | undefined;

  constructor(options: TmdbClientOptions, context: RetryContext) {
    this.#options = options;
    this.#context = context;
    // The first request goes alone: refused credentials must not cost one call for every slot.
    this.#queue = new PQueue({ concurrency: 1 });
  }

  movie(movieId: number, signal: AbortSignal) {
    const interpret = (answer: Answer, path: string) => interpretMovie(answer, path, movieId);
    return this.#get({ endpoint: 'movie', path: `/movie/${movieId}`, interpret }, signal);
  }

  popular(page: number, signal: AbortSignal) {
    const interpret = (answer: Answer, path: string) => parse(PopularPage, answer, path);
    return this.#get({ endpoint: 'popular', path: `/movie/popular?page=${page}`, interpret }, signal);
  }

  genres(language: string, signal: AbortSignal) {
    return this.#get(genresQuestion(language), signal);
  }

  counts(): RequestCounts {
    return { requests: this.#requests, byOutcome: { ...this.#byOutcome } };
  }

  async #get<T>(question: Question<T>, signal: AbortSignal): Promise<Recorded<T>> {
    let failures = 0;
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await this.#queue.add(() => this.#once(question, signal));
      } catch (error) {
        signal.throwIfAborted();
        if (!isRetriable(error)) throw error;
        if (error instanceof UnusableAnswerError) {
          failures += 1;
          if (failures < maxAttempts - 1) {
            // Not yet worth a question to TMDb.
          } else if (await this.#waitForTmdb(error, signal)) {
            // What failed in an outage was not this request's fault: its last attempt is still to come.
            failures = maxAttempts - 1;
          } else if (failures >= maxAttempts) {
            throw new UnusableAnswerError(error.reason, error.message, false, attempts);
          }
        } else if (this.#downMs() >= this.#options.giveUpAfterMs) {
          // Being told to slow down is no fault of this movie's and uses up no attempt; for ever is another matter.
          throw new TmdbUnreachableError(`${this.#options.baseUrl} lets nothing through: ${messageOf(error)}`);
        }
        await this.#context.clock.sleep(fullJitter(failures, backoff, this.#context.random), signal);
      }
    }
  }

  /** One token, one request. */
  async #once<T>({ endpoint, path, interpret }: Question<T>, signal: AbortSignal): Promise<Recorded<T>> {
    if (this.#refused) throw this.#refused;
    const token = await this.#acquire(signal);
    // crash point: fetcher.token-taken
    try {
      if (this.#refused) throw this.#refused;
      const answer = await this.#send(endpoint, path, token);
      await this.#refuse(answer);
      const parsed = interpret(answer, path);
      this.#succeeded();
      const fetchedAt = new Date(this.#context.clock.now());
      return { url: this.#options.baseUrl + path, httpStatus: answer.status, fetchedAt, body: answer.body, parsed };
    } catch (error) {
      if (isRetriable(error)) this.#failingSince ??= this.#context.clock.monotonic();
      throw error;
    } finally {
      token.returned();
    }
  }

  async #acquire(signal: AbortSignal): Promise<Token> {
    const started = this.#context.clock.monotonic();
    const token = await this.#options.bucket.acquire(signal);
    this.#options.observer?.waited(this.#context.clock.monotonic() - started);
    return token;
  }

  /** The token cools from the first byte of the answer on; the body may take its time. */
  async #send(endpoint: Endpoint, path: string, token: Token): Promise<Answer> {
    this.#requests += 1;
    try {
      const answer = await this.#options.transport.get(path, () => token.returned());
      this.#count(endpoint, String(answer.status));
      return answer;
    } catch (error) {
      this.#count(endpoint, 'failed');
      if (error instanceof UntrustedServerError) this.#refused = error;
      throw error;
    }
  }

  /** Statuses that concern everybody, not this one request. */
  async #refuse(answer: Answer): Promise<void> {
    if (answer.status === 401 || answer.status === 403) {
      this.#refused = new CredentialsRefusedError(
        `TMDb refused the credentials (${answer.status}): check TMDB_TOKEN or TMDB_API_KEY`,
      );
      throw this.#refused;
    }
    if (answer.status === 429) {
      const { windowMs } = this.#options;
      const pauseMs = retryAfterMs(answer.retryAfter, this.#context.clock.now(), windowMs, longestPauseMs);
      this.#options.log.warn({ pauseMs }, 'paused after 429');
      await this.#options.bucket.pause(pauseMs);
      throw new TooManyRequestsError('TMDb answered 429');
    }
  }

  #succeeded(): void {
    this.#failingSince = undefined;
    this.#hasSucceeded = true;
    this.#queue.concurrency = this.#options.concurrency;
  }

  #count(endpoint: Endpoint, outcome: string): void {
    this.#options.observer?.answered(endpoint, outcome);
    this.#byOutcome[outcome] = (this.#byOutcome[outcome] ?? 0) + 1;
  }

  /**
   * Resolves when TMDb answers others: whose fault a failure is, is only known then. While TMDb is down, parking would
   * empty the whole queue into dead letters, so it is waited for, bounded. @returns whether it had to be waited for.
   */
  async #waitForTmdb(error: UnusableAnswerError, signal: AbortSignal): Promise<boolean> {
    for (let rounds = 0; ; rounds += 1) {
      this.#probe ??= this.#isUp(signal).finally(() => {
        this.#probe = undefined;
      });
      if (await this.#probe) return rounds > 0;
      const downMs = this.#downMs();
      if (!this.#hasSucceeded || downMs >= this.#options.giveUpAfterMs) {
        throw new TmdbUnreachableError(`${this.#options.baseUrl} cannot be reached: ${error.message}`);
      }
      this.#options.log.warn({ downMs: Math.round(downMs), error: error.message }, 'TMDb is out of reach, waiting');
      await this.#context.clock.sleep(fullJitter(maxAttempts + rounds, backoff, this.#context.random), signal);
    }
  }

  /** Milliseconds since the first failure after the last success. */
  #downMs(): number {
    const now = this.#context.clock.monotonic();
    return now - (this.#failingSince ?? now);
  }

  /** Whether TMDb answers a question that has nothing to do with any movie. */
  async #isUp(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#once(genresQuestion('en'), signal);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (error === this.#refused) throw error;
      return false;
    }
  }
}

/** Opens nothing itself: transport and bucket are passed in and closed by whoever opened them. */
export const createTmdbClient = (options: TmdbClientOptions, context: RetryContext): TmdbClient =>
  new Client(options, context);
