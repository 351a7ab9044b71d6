import { ExitCode, IngestError } from '../runtime/errors.ts';
import type { DeadLetterReason } from '../schemas/records.ts';

/** Failures of TMDb, or of a server in its place. A service waits until they end. */
export abstract class TmdbError extends IngestError {}

/**
 * An answer that cannot be used. `reason` is what its dead letter says when trying again does not help either.
 * 5xx, 408 and broken transfers pass with time; anything else about one movie is final.
 */
export class UnusableAnswerError extends TmdbError {
  readonly retriable: boolean;
  readonly reason: DeadLetterReason;
  /** Requests that were sent for it, all in vain. */
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
  readonly retriable = true;
}

/** 401 or 403: no request will succeed until a person fixes the credentials. */
export class CredentialsRefusedError extends TmdbError {
  readonly retriable = false;
  override readonly exitCode = ExitCode.credentialsRefused;
}

/**
 * The server at TMDb's address does not prove to be TMDb: nothing was sent, and no request will be until a person
 * has looked.
 */
export class UntrustedServerError extends TmdbError {
  readonly retriable = false;
}

/** An endpoint of TMDb has been out for longer than we wait. Nothing was parked; what is queued stays queued. */
export class TmdbUnreachableError extends TmdbError {
  readonly retriable = true;
}
