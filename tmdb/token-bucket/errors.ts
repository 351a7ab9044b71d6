import { ExitCode, IngestError } from '../../runtime/errors.ts';

/** The store of the shared bucket gives no answer; without one nobody gets a token. */
export class TokenBucketUnavailableError extends IngestError {
  readonly retriable = true;
}

/** The store of the shared bucket does not let us in, or not do what the bucket needs. */
export class TokenBucketRefusedError extends IngestError {
  readonly retriable = false;
  override readonly exitCode = ExitCode.credentialsRefused;
}
