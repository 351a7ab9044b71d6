import { BIGINT, type DuckDBConnection, type DuckDBDataChunk, INTEGER, TIMESTAMP, VARCHAR } from '@duckdb/node-api';
import type { NumberedBatch } from '../numbered-batch.ts';
import { type RawGenresRow, type RawMovieRow, rawTables } from '../warehouse.ts';
import { Chunk, maxChunkRows } from './chunk.ts';
import { catalog } from './file.ts';

/** In the order of `bronze.sql`. */
const movieTypes = [
  ...[BIGINT, VARCHAR, VARCHAR, TIMESTAMP, VARCHAR, BIGINT, INTEGER, BIGINT, INTEGER, TIMESTAMP],
  ...[TIMESTAMP, VARCHAR, VARCHAR],
];
const genresTypes = [VARCHAR, TIMESTAMP, VARCHAR, BIGINT, INTEGER, BIGINT, VARCHAR, VARCHAR, TIMESTAMP];

/** Appends the rows of all batches, within the connection's transaction. @param prefix of the tables' names. */
export async function appendRows(
  connection: DuckDBConnection,
  batches: readonly NumberedBatch[],
  prefix: string,
): Promise<void> {
  for (const table of rawTables) {
    const ofTable = batches.filter(({ batch }) => batch.table === table && batch.rows.length > 0);
    if (ofTable.length === 0) continue;
    const appender = await connection.createAppender(`${prefix}${table}`, 'bronze', catalog);
    try {
      for (const numbered of ofTable) {
        for (const chunk of chunksOf(numbered)) appender.appendDataChunk(chunk);
      }
    } finally {
      // If it stays open, it writes its rows when it is garbage-collected: after the rollback, without the ledger.
      appender.closeSync(); // mutant: warehouse.close-appender
    }
  }
}

function* chunksOf({ batch, id, loadSeq, ingestedAt }: NumberedBatch): Generator<DuckDBDataChunk> {
  const lineage: Lineage = {
    id: Buffer.from(id),
    loadSeq,
    ingestedAt,
    partition: batch.partition.partition,
  };
  for (let from = 0; from < batch.rows.length; from += maxChunkRows) {
    yield batch.table === 'raw_movies'
      ? moviesChunk(batch.rows.slice(from, from + maxChunkRows), lineage)
      : genresChunk(batch.rows.slice(from, from + maxChunkRows), lineage);
  }
}

interface Lineage {
  readonly id: Buffer;
  readonly loadSeq: bigint;
  readonly ingestedAt: Date;
  readonly partition: number;
}

const moviesChunk = (rows: readonly RawMovieRow[], { id, loadSeq, ingestedAt, partition }: Lineage): DuckDBDataChunk =>
  new Chunk(movieTypes, rows)
    .bigints((row) => BigInt(row.movieId))
    .texts((row) => row.body)
    .texts((row) => Buffer.from(row.sourceUrl))
    .timestamps(() => ingestedAt)
    .texts(() => id)
    .bigints(() => loadSeq)
    .integers(() => partition)
    .bigints((row) => row.kafkaOffset)
    .integers((row) => row.httpStatus)
    .timestamps((row) => row.fetchedAt)
    .timestamps(({ request }) => request?.requestedAt ?? null)
    .texts(({ request }) => bytesOf(request?.reason))
    .texts(({ request }) => bytesOf(request?.traceparent)).data;

const bytesOf = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text));

const genresChunk = (rows: readonly RawGenresRow[], { id, loadSeq, ingestedAt, partition }: Lineage): DuckDBDataChunk =>
  new Chunk(genresTypes, rows)
    .texts((row) => row.body)
    .timestamps(() => ingestedAt)
    .texts(() => id)
    .bigints(() => loadSeq)
    .integers(() => partition)
    .bigints((row) => row.kafkaOffset)
    .texts((row) => Buffer.from(row.language))
    .texts((row) => Buffer.from(row.sourceUrl))
    .timestamps((row) => row.fetchedAt).data;
