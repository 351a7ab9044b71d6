import { type NumberedBatch, timestampText } from '../numbered-batch.ts';
import type { RawGenresRow, RawMovieRow, RawTable } from '../warehouse.ts';

/** A value that is sent to Snowflake. */
export type Cell = string | number | null;

/** A column of a raw table: the value of a row, and how SQL reads it from the text or number that was sent. */
interface Column<Row> {
  readonly name: string;
  readonly type: 'number' | 'varchar' | 'timestamp_ntz' | 'variant';
  readonly value: (row: Row, numbered: NumberedBatch) => Cell;
  /** Absent for a column that is never NULL. */
  readonly isNullable?: true;
}

const lineage = <Row extends RawMovieRow | RawGenresRow>(): Column<Row>[] => [
  { name: 'ingested_at', type: 'timestamp_ntz', value: (_, { ingestedAt }) => timestampText(ingestedAt) },
  { name: 'batch_id', type: 'varchar', value: (_, { id }) => id },
  { name: 'load_seq', type: 'number', value: (_, { loadSeq }) => loadSeq.toString() },
  { name: 'kafka_partition', type: 'number', value: (_, { batch }) => batch.partition.partition },
  { name: 'kafka_offset', type: 'number', value: ({ kafkaOffset }) => kafkaOffset.toString() },
  { name: 'fetched_at', type: 'timestamp_ntz', value: ({ fetchedAt }) => timestampText(fetchedAt) },
  { name: 'source_url', type: 'varchar', value: ({ sourceUrl }) => sourceUrl },
  { name: 'raw_data', type: 'variant', value: ({ body }) => body.toString() },
];

const request: Column<RawMovieRow>[] = [
  {
    ...{ name: 'requested_at', type: 'timestamp_ntz', isNullable: true },
    value: ({ request }) => (request?.requestedAt ? timestampText(request.requestedAt) : null),
  },
  { name: 'reason', type: 'varchar', isNullable: true, value: ({ request }) => request?.reason ?? null },
  { name: 'traceparent', type: 'varchar', isNullable: true, value: ({ request }) => request?.traceparent ?? null },
];

const columns: {
  readonly raw_movies: readonly Column<RawMovieRow>[];
  readonly raw_genres: readonly Column<RawGenresRow>[];
} = {
  raw_movies: [
    { name: 'movie_id', type: 'number', value: ({ movieId }) => movieId },
    { name: 'http_status', type: 'number', value: ({ httpStatus }) => httpStatus },
    ...lineage<RawMovieRow>(),
    ...request,
  ],
  raw_genres: [{ name: 'language', type: 'varchar', value: ({ language }) => language }, ...lineage<RawGenresRow>()],
};

/** The columns to fill, in the order of `valuesOf`. */
export const columnsOf = (table: RawTable): readonly Pick<Column<never>, 'name' | 'type' | 'isNullable'>[] =>
  columns[table];

/** One text or number for each column, or null; the document as text. */
export function* valuesOf(numbered: NumberedBatch): Generator<Cell[]> {
  const { batch } = numbered;
  // The table determines the kind of the rows, which the type cannot express.
  const ofTable = columns[batch.table] as readonly Column<RawMovieRow | RawGenresRow>[];
  for (const row of batch.rows) yield ofTable.map(({ value }) => value(row, numbered));
}
