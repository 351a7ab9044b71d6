import { ExitCode, IngestError } from '../../runtime/errors.ts';

/** The store of the shared bucket does not answer; without it no process gets a token. */
export class TokenBucketUnavailableError extends IngestError {
  readonly code = 'token_store_unavailable';
  readonly retriable = true;
}

/** The store of the shared bucket refuses the login, or a command that the bucket needs. */
export class TokenBucketRefusedError extends IngestError {
  readonly code = 'credentials_refused';
  readonly retriable = false;
  override readonly exitCode = ExitCode.credentialsRefused;
}

/** The store that `up` runs on this machine does not start, or has ended. */
export class TokenStoreError extends IngestError {
  readonly code = 'token_store_failed';
  readonly retriable = false;
}
