import type { NumberedBatch } from '../numbered-batch.ts';
import type { RowAddress } from '../row-address.ts';
import { SnowflakeError } from './errors.ts';

/** Tries to write rows and rolls back. @throws SnowflakeError if it cannot be done. */
export type Try = (batch: NumberedBatch) => Promise<void>;

/** Snowflake's numbers for values that it refuses: not JSON, too long, too deep, out of range. */
export const isAboutValues = (error: unknown): boolean =>
  error instanceof SnowflakeError && /^100[01]/.test(error.number);

/**
 * Finds the rows whose documents Snowflake refuses. Snowflake does not name the row, so halves of the batch are tried, and halves
 * of those. Returns none if the same rows with an empty document are refused as well: then the documents are not the cause.
 */
export async function refusedRows(batches: readonly NumberedBatch[], attempt: Try): Promise<RowAddress[]> {
  const refused: RowAddress[] = [];
  for (const numbered of batches) {
    if (await isRefused(withRows(numbered, numbered.batch.rows.slice(0, 1).map(emptied)), attempt)) return [];
    refused.push(...(await refusedOf(numbered, attempt)));
  }
  return refused;
}

async function refusedOf(numbered: NumberedBatch, attempt: Try): Promise<RowAddress[]> {
  const { partition, rows } = numbered.batch;
  const [first] = rows;
  if (!first || !(await isRefused(numbered, attempt))) return [];
  if (rows.length === 1) return [{ partition, kafkaOffset: first.kafkaOffset }];
  const half = Math.ceil(rows.length / 2);
  return [
    ...(await refusedOf(withRows(numbered, rows.slice(0, half)), attempt)),
    ...(await refusedOf(withRows(numbered, rows.slice(half)), attempt)),
  ];
}

async function isRefused(numbered: NumberedBatch, attempt: Try): Promise<boolean> {
  try {
    await attempt(numbered);
    return false;
  } catch (error) {
    if (!isAboutValues(error)) throw error;
    return true;
  }
}

const emptied = <Row extends object>(row: Row): Row => ({ ...row, body: Buffer.from('{}') });

const withRows = (numbered: NumberedBatch, rows: readonly object[]): NumberedBatch =>
  ({ ...numbered, batch: { ...numbered.batch, rows } }) as NumberedBatch;
