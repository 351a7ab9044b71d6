import { IngestError } from '../errors.ts';
import type { DbtSummary } from './run-results.ts';

/** dbt failed: models or tests did (`summary` says which), or it did not get so far. */
export class DbtError extends IngestError {
  /** Whether the DuckDB file was in use, or the connection was lost: the same run may succeed later. */
  readonly retriable: boolean;
  readonly summary: DbtSummary | null;

  constructor(message: string, summary: DbtSummary | null = null) {
    super(message);
    this.summary = summary;
    this.retriable = /Could not set lock on file|Conflicting lock is held|Connection (refused|reset)/i.test(message);
  }
}
