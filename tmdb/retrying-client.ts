import PQueue from 'p-queue';
import { dayMs, startOfDay, utcDay } from '../runtime/days.ts';
import { isRetriable, messageOf } from '../runtime/errors.ts';
import { fullJitter, type RetryContext } from '../runtime/retry.ts';
import { moviePath } from './appended-parts.ts';
import { defaultProbes, type Endpoint, EndpointState, endpoints } from './endpoint.ts';
import {
  CredentialsRefusedError,
  TmdbUnreachableError,
  TooManyRequestsError,
  UntrustedServerError,
  UnusableAnswerError,
} from './errors.ts';
import {
  expectAnswer,
  interpretGenreList,
  interpretMovie,
  interpretMoviePage,
  type Reading,
  read,
} from './interpret.ts';
import { isRefused, type RefusalError, Refusals } from './refusals.ts';
import { retryAfterMs } from './retry-after.ts';
import { isRefusal } from './status-codes.ts';
import type { Recorded, RequestCounts, TmdbClient, TmdbClientOptions } from './tmdb-client.ts';
import type { Token } from './token-bucket/token-bucket.ts';
import type { Answer } from './transport.ts';

const maxAttempts = 5;
/** An endpoint is out if this many different requests get no answer. */
const probesPerRound = 3;
const backoff = { baseMs: 500, capMs: 30_000 };
const longestPauseMs = 60_000;

/** A request to TMDb, and how to read its answer. */
interface Question<T> {
  readonly endpoint: Endpoint;
  readonly path: string;
  readonly interpret: (reading: Reading) => T;
}

class Client implements TmdbClient {
  readonly #options: TmdbClientOptions;
  readonly #context: RetryContext;
  readonly #queue: PQueue;
  readonly #byOutcome: Record<string, number> = {};
  readonly #endpoints: Readonly<Record<Endpoint, EndpointState>>;
  readonly #probes = new Map<Endpoint, Promise<boolean>>();
  readonly #refusals: Refusals;
  #requests = 0;
  #hasSucceeded = false;

  constructor(options: TmdbClientOptions, context: RetryContext) {
    this.#options = options;
    this.#context = context;
    this.#refusals = new Refusals(context.clock, options.refusedForMs);
    // The first request is sent alone: refused credentials must not cost one call for every slot.
    this.#queue = new PQueue({ concurrency: 1 });
    const probes = defaultProbes(options.parts ?? []);
    const stateOf = (endpoint: Endpoint) =>
      new EndpointState(endpoint, {
        ...{ clock: context.clock, log: options.log, probes: probes[endpoint] },
        onOutage: (outage) => options.observer?.outage(endpoint, outage),
      });
    this.#endpoints = Object.fromEntries(endpoints.map((name) => [name, stateOf(name)])) as never;
  }

  movie(movieId: number, signal: AbortSignal) {
    const interpret = (reading: Reading) => interpretMovie(reading, movieId);
    return this.#get({ endpoint: 'movie', path: moviePath(movieId, this.#options.parts ?? []), interpret }, signal);
  }

  popular(page: number, signal: AbortSignal) {
    const interpret = (reading: Reading) => interpretMoviePage(reading, page);
    return this.#get({ endpoint: 'popular', path: `/movie/popular?page=${page}`, interpret }, signal);
  }

  changes(day: string, page: number, signal: AbortSignal) {
    const interpret = (reading: Reading) => interpretMoviePage(reading, page);
    // The end is the beginning of the next day. If TMDb counted that day too, the answer would have more movies, never fewer.
    const path = `/movie/changes?start_date=${day}&end_date=${utcDay(startOfDay(day) + dayMs)}&page=${page}`;
    return this.#get({ endpoint: 'changes', path, interpret }, signal);
  }

  genres(language: string, signal: AbortSignal) {
    const path = `/genre/movie/list?language=${encodeURIComponent(language)}`;
    return this.#get({ endpoint: 'genres', path, interpret: interpretGenreList }, signal);
  }

  counts(): RequestCounts {
    return { requests: this.#requests, byOutcome: { ...this.#byOutcome } };
  }

  async #get<T>(question: Question<T>, signal: AbortSignal): Promise<Recorded<T>> {
    const { endpoint } = question;
    const state = this.#endpoints[endpoint];
    let failures = 0;
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await this.#queue.add(() => this.#once(question, signal));
      } catch (error) {
        signal.throwIfAborted();
        if (isRefused(error)) {
          await this.#waitOutRefusal(error, endpoint, signal);
          continue;
        }
        if (!this.#mayRetry(error, endpoint)) throw error;
        if (error instanceof UnusableAnswerError) {
          failures += 1;
          if (failures < maxAttempts - 1) {
            // It is too early for a probe.
          } else if (await this.#waitForEndpoint(question, error, signal)) {
            // The outage caused this failure, not the request: it still has its last attempt.
            failures = maxAttempts - 1;
          } else if (failures >= maxAttempts) {
            throw new UnusableAnswerError(error.reason, error.message, false, attempts);
          }
        } else {
          // A 429 is not the movie's fault and uses up no attempt, but a 429 that never ends is an outage.
          if (state.downMs >= longestPauseMs) state.isOut(error);
          if (state.downMs >= this.#giveUpAfterMs(endpoint)) {
            throw new TmdbUnreachableError(`${this.#options.baseUrl} did not answer any request: ${messageOf(error)}`);
          }
        }
        await this.#context.clock.sleep(fullJitter(failures, backoff, this.#context.random), signal);
      }
    }
  }

  #giveUpAfterMs(endpoint: Endpoint): number {
    const { neverGivenUp, giveUpAfterMs } = this.#options;
    return neverGivenUp?.includes(endpoint) ? Number.POSITIVE_INFINITY : giveUpAfterMs;
  }

  /** A list always exists, so any bad answer for it may be transient; a bad answer for a movie may be permanent. */
  #mayRetry(error: unknown, endpoint: Endpoint): boolean {
    return isRetriable(error) || (endpoint !== 'movie' && error instanceof UnusableAnswerError);
  }

  /** One token, one request. */
  async #once<T>({ endpoint, path, interpret }: Question<T>, signal: AbortSignal): Promise<Recorded<T>> {
    this.#refusals.throwIfAny(endpoint);
    const token = await this.#acquire(signal);
    // crash point: fetcher.token-taken
    try {
      this.#refusals.throwIfAny(endpoint);
      const { answer, reading } = await this.#send(endpoint, path, token);
      await this.#throwIfAboutAll(endpoint, answer, reading);
      const parsed = interpret(reading);
      this.#succeeded(endpoint, path);
      const fetchedAt = new Date(this.#context.clock.now());
      return { url: this.#options.baseUrl + path, httpStatus: reading.status, fetchedAt, body: answer.body, parsed };
    } catch (error) {
      if (this.#mayRetry(error, endpoint)) this.#endpoints[endpoint].failed();
      throw error;
    } finally {
      token.returned(); // mutant: fetcher.token-returned
    }
  }

  async #acquire(signal: AbortSignal): Promise<Token> {
    const started = this.#context.clock.monotonic();
    const token = await this.#options.bucket.acquire(signal); // mutant: fetcher.token-for-each-request
    this.#options.observer?.waited(this.#context.clock.monotonic() - started);
    return token;
  }

  /** The token cools from the first byte of the answer on; the body may take longer. */
  async #send(endpoint: Endpoint, path: string, token: Token): Promise<{ answer: Answer; reading: Reading }> {
    this.#requests += 1;
    try {
      const answer = await this.#options.transport.get(path, () => token.returned()); // mutant: fetcher.token-cools-from-answer
      const reading = read(answer, path);
      this.#count(endpoint, String(reading.status));
      return { answer, reading };
    } catch (error) {
      this.#count(endpoint, 'failed');
      if (error instanceof UntrustedServerError) this.#refuse(endpoint, error);
      throw error;
    }
  }

  /** Handles answers that concern every request, not only this one. */
  async #throwIfAboutAll(endpoint: Endpoint, answer: Answer, { status, code }: Reading): Promise<void> {
    if (isRefusal(status, code)) {
      throw this.#refuse(
        endpoint,
        new CredentialsRefusedError(`TMDb refused the credentials (${status}): check TMDB_TOKEN or TMDB_API_KEY`),
      );
    }
    if (status === 429) {
      const { windowMs } = this.#options;
      const pauseMs = retryAfterMs(answer.retryAfter, this.#context.clock.now(), windowMs, longestPauseMs);
      this.#options.log.warn({ pauseMs }, 'paused after 429');
      await this.#options.bucket.pause(pauseMs); // mutant: fetcher.pause
      throw new TooManyRequestsError('TMDb answered 429');
    }
  }

  #refuse(endpoint: Endpoint, error: RefusalError): RefusalError {
    this.#refusals.add(endpoint, error);
    // The next probe is a single request.
    this.#queue.concurrency = 1; // mutant: fetcher.single-probe
    return error;
  }

  /** @throws the refusal itself unless the endpoint is never given up. */
  async #waitOutRefusal(error: RefusalError, endpoint: Endpoint, signal: AbortSignal): Promise<void> {
    this.#endpoints[endpoint].isOut(error);
    if (this.#giveUpAfterMs(endpoint) < Number.POSITIVE_INFINITY) throw error;
    await this.#context.clock.sleep(Math.min(this.#refusals.leftMs(), longestPauseMs), signal);
  }

  #succeeded(endpoint: Endpoint, path: string): void {
    this.#endpoints[endpoint].answered(path);
    this.#refusals.answered(endpoint);
    this.#hasSucceeded = true;
    if (!this.#refusals.isBlocked(endpoint)) this.#queue.concurrency = this.#options.concurrency;
  }

  #count(endpoint: Endpoint, outcome: string): void {
    this.#options.observer?.answered(endpoint, outcome);
    this.#byOutcome[outcome] = (this.#byOutcome[outcome] ?? 0) + 1;
  }

  /**
   * Resolves when the endpoint answers another request: only then is it known whether this movie or the endpoint failed. During an
   * outage, parking would move the whole queue to dead letters, so this waits. @returns whether it had to wait.
   */
  async #waitForEndpoint(question: Question<unknown>, error: UnusableAnswerError, signal: AbortSignal) {
    const { endpoint } = question;
    const state = this.#endpoints[endpoint];
    const giveUpAfterMs = this.#giveUpAfterMs(endpoint);
    for (let rounds = 0; ; rounds += 1) {
      if (await this.#isUp(question, signal)) return rounds > 0;
      const mayWait = this.#hasSucceeded || giveUpAfterMs === Number.POSITIVE_INFINITY;
      if (!mayWait || state.downMs >= giveUpAfterMs) {
        throw new TmdbUnreachableError(`${this.#options.baseUrl} cannot be reached: ${error.message}`);
      }
      state.isOut(error);
      await this.#context.clock.sleep(fullJitter(maxAttempts + rounds, backoff, this.#context.random), signal);
    }
  }

  /** Many requests fail at the same time; one probe for all of them is enough. */
  #isUp(question: Question<unknown>, signal: AbortSignal): Promise<boolean> {
    const { endpoint, path } = question;
    const running = this.#probes.get(endpoint);
    if (running !== undefined) return running;
    const probe = this.#anyProbeAnswers(endpoint, path, signal).finally(() => this.#probes.delete(endpoint));
    this.#probes.set(endpoint, probe);
    return probe;
  }

  /** A probe may be as bad as the failed request. Without a second one, two bad movies would wait for each other forever. */
  async #anyProbeAnswers(endpoint: Endpoint, failedPath: string, signal: AbortSignal): Promise<boolean> {
    const asked = new Set<string>();
    while (asked.size < probesPerRound) {
      const path = this.#endpoints[endpoint].probeFor(failedPath);
      if (asked.has(path)) return false;
      if (await this.#probe(endpoint, path, signal)) return true;
      asked.add(path);
    }
    return false;
  }

  /** Whether the endpoint answers a request that is independent of the failed one. */
  async #probe(endpoint: Endpoint, path: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#once({ endpoint, path, interpret: expectAnswer }, signal); // mutant: fetcher.probe-expects-any-answer
      return true;
    } catch (error) {
      signal.throwIfAborted();
      // A refusal is not an outage of the endpoint, but there is no answer until the refusal ends.
      if (isRefused(error)) await this.#waitOutRefusal(error, endpoint, signal); // mutant: fetcher.refused-probe
      return false;
    }
  }
}

/** Opens nothing itself: the caller passes transport and bucket, and closes them. */
export const createTmdbClient = (options: TmdbClientOptions, context: RetryContext): TmdbClient =>
  new Client(options, context);
