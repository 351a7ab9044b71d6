import { isUtf8 } from 'node:buffer';
import PQueue from 'p-queue';
import type { z } from 'zod';
import { isRetriable, messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { fullJitter, type RetryContext } from '../retry.ts';
import type { Token, TokenBucket } from '../token-bucket/token-bucket.ts';
import { ErrorAnswer, GenreList, MovieAnswer, PopularPage } from './answers.ts';
import { CredentialsRefusedError, TmdbUnreachableError, TooManyRequestsError, UnusableAnswerError } from './errors.ts';
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
 * - CredentialsRefusedError on 401 or 403; from then on nothing is sent any more,
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
/** 34 "not found", 6 "invalid id", 37 "not found" of the v4 lists: each says that there is no such movie. */
const goneCodes = [34, 6, 37];

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
  #refused: CredentialsRefusedError | undefined;
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
    for (let failures = 0; ; ) {
      try {
        return await this.#queue.add(() => this.#once(question, signal));
      } catch (error) {
        signal.throwIfAborted();
        if (!isRetriable(error)) throw error;
        if (error instanceof UnusableAnswerError) {
          failures += 1;
          if (failures >= maxAttempts) await this.#giveUpOrWait(error, failures, signal);
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
   * A request failed as often as it may. When TMDb answers others, the fault is this request's: it is given up.
   * When TMDb is down, parking would empty the whole queue into dead letters: wait instead, bounded.
   */
  async #giveUpOrWait(error: UnusableAnswerError, attempts: number, signal: AbortSignal): Promise<void> {
    this.#probe ??= this.#isUp(signal).finally(() => {
      this.#probe = undefined;
    });
    if (await this.#probe) {
      throw new UnusableAnswerError(error.reason, error.message, false, attempts);
    }
    const downMs = this.#downMs();
    if (!this.#hasSucceeded || downMs >= this.#options.giveUpAfterMs) {
      throw new TmdbUnreachableError(`${this.#options.baseUrl} cannot be reached: ${error.message}`);
    }
    this.#options.log.warn({ downMs: Math.round(downMs), error: error.message }, 'TMDb is out of reach, waiting');
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
      if (error instanceof CredentialsRefusedError) throw error;
      return false;
    }
  }
}

/** Opens nothing itself: transport and bucket are passed in and closed by whoever opened them. */
export const createTmdbClient = (options: TmdbClientOptions, context: RetryContext): TmdbClient =>
  new Client(options, context);

function interpretMovie(answer: Answer, path: string, movieId: number): z.infer<typeof MovieAnswer> | null {
  if (answer.status === 404 || answer.status === 410) {
    if (goneCodes.includes(parseBody(ErrorAnswer, answer, path).status_code)) return null;
    throw new UnusableAnswerError('unexpected_status', `${answer.status} without code 34 for ${path}`, true);
  }
  const movie = parse(MovieAnswer, answer, path);
  if (movie.id === movieId) return movie;
  throw new UnusableAnswerError('wrong_movie', `the answer for ${path} is about movie ${movie.id}`, false);
}

function parse<S extends z.ZodType>(schema: S, answer: Answer, path: string): z.infer<S> {
  const { status } = answer;
  if (status === 408 || status >= 500) {
    throw new UnusableAnswerError('attempts_exhausted', `TMDb answered ${status} for ${path}`, true);
  }
  if (status !== 200) throw new UnusableAnswerError('unexpected_status', `TMDb answered ${status} for ${path}`, false);
  return parseBody(schema, answer, path);
}

/** A body that is no JSON may be a proxy's error page or a torn transfer: both pass. JSON of another shape does not. */
function parseBody<S extends z.ZodType>(schema: S, { contentType, body }: Answer, path: string): z.infer<S> {
  if (!/^application\/json\b/i.test(contentType)) {
    const got = contentType.slice(0, 60) || 'nothing';
    throw new UnusableAnswerError('unexpected_content_type', `expected JSON, got ${got} for ${path}`, true);
  }
  const parsed = schema.safeParse(parseJson(body, path));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.join('.') || 'the whole';
  throw new UnusableAnswerError('unexpected_shape', `${where}: ${issue?.message} for ${path}`, false);
}

function parseJson(body: Buffer, path: string): unknown {
  if (!isUtf8(body)) throw new UnusableAnswerError('invalid_json', `the body is not UTF-8 for ${path}`, true);
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new UnusableAnswerError('invalid_json', `${messageOf(error).slice(0, 80)} for ${path}`, true);
  }
}
