import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import { type GenreList, MovieAnswer, type MoviePage, readGenreList, readMoviePage } from './answers.ts';
import { UnusableAnswerError } from './errors.ts';
import { errorIn, isGoneCode } from './status-codes.ts';
import type { Answer } from './transport.ts';

/** The meaning of an answer. */
export interface Reading {
  readonly path: string;
  /** The HTTP status; of a 2xx whose body reports an error, the status that TMDb documents for that error. */
  readonly status: number;
  /** TMDb's `status_code`; null if the body is not an error body. */
  readonly code: number | null;
  /** Whether the body contains our credentials. */
  readonly repeatsSecrets: boolean;
  /** The parsed body. @throws UnusableAnswerError, retriable: a body that is not JSON may be a proxy's page or incomplete. */
  json(): unknown;
}

/** @param path for messages. */
export function read(answer: Answer, path: string): Reading {
  const body = parseBody(answer, path);
  const reported = 'value' in body ? errorIn(body.value) : null;
  const isSuccess = answer.status >= 200 && answer.status < 300;
  return {
    path,
    status: isSuccess && reported ? reported.status : answer.status, // mutant: fetcher.error-in-200
    code: reported?.code ?? null,
    repeatsSecrets: answer.repeatsSecrets ?? false,
    json: () => {
      if ('value' in body) return body.value;
      throw body.error;
    },
  };
}

/** The details of a movie; null if TMDb has no movie with this id. @throws UnusableAnswerError */
export function interpretMovie(reading: Reading, movieId: number): z.infer<typeof MovieAnswer> | null {
  const { status, code, path } = reading;
  if (status === 404 || status === 410) {
    reading.json();
    expectNoSecrets(reading);
    if (isGoneCode(code)) return null;
    throw new UnusableAnswerError('unexpected_status', `${status} without code 34 for ${path}`, true);
  }
  expectSuccess(reading);
  const parsed = MovieAnswer.safeParse(reading.json());
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join('.') || 'the whole';
    throw new UnusableAnswerError('unexpected_shape', `${where}: ${issue?.message} for ${path}`, false);
  }
  if (parsed.data.id === movieId) return parsed.data; // mutant: fetcher.answer-is-of-movie
  throw new UnusableAnswerError('wrong_movie', `the answer for ${path} is about movie ${parsed.data.id}`, false);
}

/** @throws UnusableAnswerError if the answer as a whole is not a page; bad items are only counted. */
export function interpretMoviePage(reading: Reading, page: number): MoviePage {
  expectSuccess(reading);
  return readMoviePage(reading.json(), page) ?? shapeless(reading, 'results is not a list');
}

/** @throws UnusableAnswerError if the answer as a whole is not a genre list; bad rows are only counted. */
export function interpretGenreList(reading: Reading): GenreList {
  expectSuccess(reading);
  return readGenreList(reading.json()) ?? shapeless(reading, 'genres is not a list, or an empty one');
}

/**
 * Checks whether the server answers at all: any JSON that does not report a server failure, even a 404. Its content does
 * not matter. A page of HTML or a redirect is not an answer of TMDb, whatever its status: it comes from a proxy, a login
 * page or a maintenance page. @throws UnusableAnswerError if the server does not answer.
 */
export function expectAnswer(reading: Reading): void {
  expectNoFailure(reading);
  reading.json(); // mutant: fetcher.probe-reads-json
}

function expectNoFailure({ status, code, path }: Reading): void {
  if (status === 408 || status >= 500) {
    throw new UnusableAnswerError('attempts_exhausted', `TMDb answered ${status} for ${path}`, true);
  }
  // Every error of TMDb has a code. A redirect or another refusal without one comes from a proxy or gateway, which may
  // answer every request like that.
  // mutant: fetcher.redirect-of-all
  if (code === null && status >= 300 && status !== 404 && status !== 410) {
    throw new UnusableAnswerError('unexpected_status', `status ${status} without a TMDb code for ${path}`, true);
  }
}

/** @throws UnusableAnswerError: retriable if the failure is transient. */
function expectSuccess(reading: Reading): void {
  expectNoFailure(reading);
  const { status, code, path } = reading;
  if (status === 200) {
    expectNoSecrets(reading);
    return;
  }
  const withCode = code === null ? '' : ` (code ${code})`;
  throw new UnusableAnswerError('unexpected_status', `TMDb answered ${status}${withCode} for ${path}`, code === null);
}

/** A document is stored unchanged, and many can read it. @throws UnusableAnswerError if it contains our credentials. */
function expectNoSecrets({ repeatsSecrets, path }: Reading): void {
  if (repeatsSecrets) {
    throw new UnusableAnswerError('unexpected_shape', `the answer repeats our credentials for ${path}`, false);
  }
}

function shapeless({ path }: Reading, what: string): never {
  throw new UnusableAnswerError('unexpected_shape', `${what} for ${path}`, false);
}

type Parsed = { readonly value: unknown } | { readonly error: UnusableAnswerError };

function parseBody({ contentType, body }: Answer, path: string): Parsed {
  if (!/^application\/json\b/i.test(contentType)) {
    const got = contentType.slice(0, 60) || 'nothing';
    return unreadable('unexpected_content_type', `expected JSON, got ${got} for ${path}`);
  }
  if (!isUtf8(body)) return unreadable('invalid_json', `the body is not UTF-8 for ${path}`);
  try {
    return { value: JSON.parse(body.toString()) };
  } catch {
    // Node's own message quotes the body.
    return unreadable('invalid_json', `the body is not valid JSON for ${path}`);
  }
}

const unreadable = (reason: UnusableAnswerError['reason'], message: string) => ({
  error: new UnusableAnswerError(reason, message, true),
});
