/** Process exit codes. */
export const ExitCode = { done: 0, failed: 1, usage: 2, credentialsRefused: 3, stale: 4, partial: 5 } as const;

/** What each exit code means, for scripts that call us. The help, the man page, the README and docs/json.md use these words. */
export const exitCodeMeanings: readonly (readonly [codes: string, meaning: string])[] = [
  [`${ExitCode.done}`, 'success, which includes a service that drained'],
  [`${ExitCode.failed}`, 'failed'],
  [`${ExitCode.usage}`, 'wrong usage or settings'],
  [`${ExitCode.credentialsRefused}`, 'credentials or rights refused'],
  [`${ExitCode.stale}`, 'a source is stale (schedule --once)'],
  [`${ExitCode.partial}`, 'a part failed, or a check found a problem'],
  // 128 and the number of SIGINT or SIGTERM, as shells count.
  ['130 and 143', 'stopped by a signal before the work was done'],
];

/** The codes of errors, for programs that read `--json`. A code keeps its meaning; docs/json.md lists them. */
export const errorCodes = {
  usage: 'the command line or a setting is wrong; the message says what to write instead',
  precondition: 'a topic, a table or the token store does not meet the requirements',
  credentials_refused: 'a server refuses the credentials, or a right is missing',
  stopped: 'a signal stopped the command before its work was done',
  not_installed: 'a tool that the command needs could not be installed',
  file_unusable: 'a file or folder cannot be used',
  output_unwritable: 'standard output cannot be written',
  group_in_use: 'processes read as a consumer group whose offsets would move; end them first',
  kafka_unavailable: 'Kafka, or its schema registry, is out of reach or refuses a request',
  schema_refused: 'the schema registry does not accept a schema of a topic',
  broker_failed: 'the local broker does not start or does not stop',
  records_lost: 'Kafka no longer has records that were never loaded',
  record_unusable: 'a record cannot be decoded, or does not fit into its topic',
  tmdb_unreachable: 'TMDb is out of reach, or refuses every request for a time',
  tmdb_answer_unusable: 'TMDb answers, but with nothing that can be used',
  tmdb_untrusted: "the server at TMDb's address cannot identify itself",
  token_store_failed: 'the local token store does not start, or has ended',
  token_store_unavailable: 'the store of the shared token bucket does not answer',
  warehouse_unavailable: 'the warehouse is busy or out of reach',
  warehouse_failed: 'the warehouse cannot do the work: its tables, its file or a statement',
  dbt_failed: 'dbt failed: models, tests, or dbt itself',
  full_refresh_refused: 'the SQL of the dbt project has changed, and TRANSFORM_FULL_REFRESH refuses a full refresh',
  copy_failed:
    'the published copy of GOLD, or the warehouse file without expired answers, could not be written; everything else is done',
  unexpected: 'a mistake in tmdb-stream; `stack` says where',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/**
 * Base of every error that we throw on purpose. It tells a caller whether a retry can help,
 * and which exit code the process has if no caller handles the error.
 */
export abstract class IngestError extends Error {
  /** For programs. */
  abstract readonly code: ErrorCode;
  /** Whether the same call may succeed later without any change. */
  abstract readonly retriable: boolean;
  readonly exitCode: number = ExitCode.failed;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Unknown errors are bugs: they are never retried. */
export const isRetriable = (error: unknown): boolean => error instanceof IngestError && error.retriable;

/** The command line or the environment is invalid. The message lists every mistake and what to write instead. */
export class UsageError extends IngestError {
  readonly code = 'usage';
  readonly retriable = false;
  override readonly exitCode = ExitCode.usage;
}

/**
 * An existing topic, store or table does not meet the requirements of our guarantees. The message has a line for each
 * finding, with the remedy.
 */
export class PreconditionError extends IngestError {
  readonly code = 'precondition';
  readonly retriable = false;
  override readonly exitCode = ExitCode.usage;
}

/** One line for the user, never a stack trace. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
