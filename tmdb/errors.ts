import { ExitCode, IngestError } from '../runtime/errors.ts';
import type { DeadLetterReason } from '../schemas/dead-letter-reasons.ts';

/** Failures of TMDb, or of a server at its address. A service waits until they end. */
export abstract class TmdbError extends IngestError {}

/**
 * An answer that cannot be used. `reason` is the reason of its dead letter if retries do not help.
 * 5xx, 408 and broken transfers are transient; any other failure for one movie is final.
 */
export class UnusableAnswerError extends TmdbError {
  readonly code = 'tmdb_answer_unusable';
  readonly retriable: boolean;
  readonly reason: DeadLetterReason;
  /** The number of requests that were sent for it. */
  readonly attempts: number;

  constructor(reason: DeadLetterReason, message: string, retriable: boolean, attempts = 1) {
    super(message);
    this.reason = reason;
    this.retriable = retriable;
    this.attempts = attempts;
  }
}

/** 429: the server saw too many requests. It says nothing about the movie, so it never leads to a dead letter. */
export class TooManyRequestsError extends TmdbError {
  readonly code = 'tmdb_unreachable';
  readonly retriable = true;
}

/** 401 or 403: no request will succeed until a person fixes the credentials. */
export class CredentialsRefusedError extends TmdbError {
  readonly code = 'credentials_refused';
  readonly retriable = false;
  override readonly exitCode = ExitCode.credentialsRefused;
}

/**
 * The server at TMDb's address cannot identify itself as TMDb: nothing was sent, and no request will be sent until a person
 * has fixed the cause.
 */
export class UntrustedServerError extends TmdbError {
  readonly code = 'tmdb_untrusted';
  readonly retriable = false;
}

/** An endpoint of TMDb has been out for longer than the client waits. Nothing was parked; queued ids stay queued. */
export class TmdbUnreachableError extends TmdbError {
  readonly code = 'tmdb_unreachable';
  readonly retriable = true;
}
