import { ExitCode, IngestError } from '../../runtime/errors.ts';
import type { DbtSummary } from './run-results.ts';

/** Another process has the DuckDB file open, or a connection broke. */
const passingTexts =
  /Could not set lock on file|Conflicting lock is held|Unique file handle conflict|Connection (refused|reset|aborted|timed out)/i;

/**
 * Snowflake's numbers, as its Python driver writes them before the message. 25xxxx and 2905xx: no connection
 * (refused credentials have 39xxxx), or an answer of 5xx. The others: an internal fault; a statement that
 * was cancelled, has run into its timeout, or has waited too long for a lock; a warehouse that cannot resume now; an expired session
 * or token.
 */
const passingNumbers =
  /\b(25000[1235]|25101[0-2]|252007|252010|290(?:429|5\d\d)|0006(?:03|04|05|07|10|25|29|30|39)|090073|30000[25]|39011[2345]|390189|390195)\b(?: \(\w+\))?:/;

/** dbt failed: either models or tests (named in `summary`), or dbt itself. */
export class DbtError extends IngestError {
  readonly code = 'dbt_failed';
  /** Whether the failure is transient, such as a file in use or a lost connection: the same run may succeed later. */
  readonly retriable: boolean;
  /** Partial: dbt ran, and the other models were built. */
  override readonly exitCode: number;
  readonly summary: DbtSummary | null;

  constructor(message: string, summary: DbtSummary | null = null) {
    super(message);
    this.summary = summary;
    this.retriable = passingTexts.test(message) || passingNumbers.test(message);
    const hasRun = (summary?.failures.length ?? 0) > 0 && !this.retriable;
    this.exitCode = hasRun ? ExitCode.partial : ExitCode.failed;
  }
}
