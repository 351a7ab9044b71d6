import { IngestError } from '../runtime/errors.ts';
import { bronzeTables } from './warehouse.ts';

/** BRONZE is not as the loader left it. A person has to put it back, or to start anew. */
class TablesMissingError extends IngestError {
  readonly retriable = false;
}

/**
 * To be called before missing tables are made: beside tables that hold something, an empty new one would be a lie. Without
 * positions everything would be loaded once more, without rows nothing of what is missing ever again.
 * @param there names of the tables in BRONZE, in lower case. @param remedy what to do about it.
 * @throws TablesMissingError when some of BRONZE's tables are there and others are not.
 */
export function refuseHalfOfBronze(there: ReadonlySet<string>, remedy: string): void {
  const missing = bronzeTables.filter((table) => !there.has(table));
  if (missing.length === 0 || missing.length === bronzeTables.length) return;
  throw new TablesMissingError(
    `BRONZE has no ${missing.join(' and no ')} any more, while its other tables are there: nothing was written. ${remedy}`,
  );
}
