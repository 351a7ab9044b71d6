import { type Batch, InvalidRowsError } from './warehouse.ts';

export type RowAddress = InvalidRowsError['rows'][number];

/** The condition that selects these rows. */
export const rowsWhere = (
  batches: readonly Batch[],
  matches: (row: { readonly body: Buffer }) => boolean,
): RowAddress[] =>
  batches.flatMap(({ partition, rows }) =>
    [...rows].filter(matches).map(({ kafkaOffset }) => ({ partition, kafkaOffset })),
  );

/** @throws InvalidRowsError if there are any. */
export function refuseRows(rows: readonly RowAddress[]): void {
  if (rows.length > 0) throw new InvalidRowsError(rows);
}
