import { IngestError } from '../runtime/errors.ts';
import { bronzeTables } from './warehouse.ts';

/** BRONZE is not as the loader left it. A person must restore it, or start from scratch. */
class TablesMissingError extends IngestError {
  readonly code = 'warehouse_failed';
  readonly retriable = false;
}

/**
 * Call this before missing tables are created: a new empty table beside filled ones would hide the loss. Without
 * positions, everything would be loaded twice; without rows, the missing ones would never be loaded again.
 * @param there names of the tables in BRONZE, in lower case. @param remedy what to do about it.
 * @throws TablesMissingError if some of BRONZE's tables exist and others do not.
 */
export function assertSchemaComplete(there: ReadonlySet<string>, remedy: string): void {
  const missing = bronzeTables.filter((table) => !there.has(table));
  if (missing.length === 0 || missing.length === bronzeTables.length) return;
  throw new TablesMissingError(
    `BRONZE no longer has ${missing.join(' and ')}, although its other tables exist: nothing was written. ${remedy}`,
  );
}
