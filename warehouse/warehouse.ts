import { z } from 'zod';
import { IngestError } from '../runtime/errors.ts';
import { count, type ValueOf } from '../runtime/shape.ts';
import type { MovieRequest } from '../schemas/movie-request.ts';

/** One record of `tmdb.raw-movies` as a row of `bronze.raw_movies`. */
export interface RawMovieRow {
  readonly kafkaOffset: bigint;
  readonly movieId: number;
  /** The document's exact bytes. */
  readonly body: Buffer;
  readonly sourceUrl: string;
  readonly httpStatus: number;
  readonly fetchedAt: Date;
  /** The record was parked and sent back. Another row may have the same answer: then this row is left out. */
  readonly isSentBack?: true;
  /** Absent if the record has no headers of a request, as those of older versions. */
  readonly request?: MovieRequest;
}

/** One record of `tmdb.raw-genres` as a row of `bronze.raw_genres`. */
export interface RawGenresRow {
  readonly kafkaOffset: bigint;
  readonly language: string;
  readonly body: Buffer;
  readonly sourceUrl: string;
  readonly fetchedAt: Date;
  /** As for movies. */
  readonly isSentBack?: true;
}

/** Identifies a topic permanently: a topic that is created again, or whose cluster is, has new positions under the same name. */
export interface TopicId {
  readonly clusterId: string;
  readonly topic: string;
  /** Kafka's id of the topic. */
  readonly topicId: string;
}

export interface PartitionId extends TopicId {
  readonly partition: number;
}

/** The tables for records. */
export const rawTables = ['raw_movies', 'raw_genres'] as const;
export type RawTable = (typeof rawTables)[number];

/** The tables for records and the ledger. Only all of them say what is in BRONZE and what is not. */
export const bronzeTables = [...rawTables, 'load_positions', 'load_batches'] as const;

/** The offsets `[firstOffset, nextOffset)` of one partition; `rows` are those that go into BRONZE. */
export type Batch = { readonly partition: PartitionId; readonly firstOffset: bigint; readonly nextOffset: bigint } & (
  | { readonly table: 'raw_movies'; readonly rows: readonly RawMovieRow[] }
  | { readonly table: 'raw_genres'; readonly rows: readonly RawGenresRow[] }
);

/** The same offsets always form the same batch, so its name identifies its contents. */
export const batchId = ({ partition, firstOffset, nextOffset }: Batch): string =>
  `${partition.clusterId}/${partition.topic}/${partition.topicId}/${partition.partition}/${firstOffset}-${nextOffset - 1n}`;

/**
 * The store of BRONZE. Append-only; a partition's position moves only in the transaction of its rows, so every offset of a
 * raw topic is in BRONZE exactly once; a record that was sent back may be there at another offset.
 */
export interface Warehouse extends AsyncDisposable {
  /** Creates what is missing; may be called again. */
  migrate(): Promise<void>;
  /**
   * For each partition of the topic, the first offset that is not in BRONZE yet. A partition never loaded is absent.
   * @throws PreconditionError if the topic is of a cluster that another one has replaced; `append` throws it too.
   */
  positions(topic: TopicId): Promise<ReadonlyMap<number, bigint>>;
  /**
   * Appends rows and their positions in one transaction: all of `batches` or nothing. The stored position of
   * each partition is compared with `firstOffset` and set to `nextOffset` (a partition never loaded accepts any).
   * Leaves out rows that were sent back if another row has the same answer. @returns the number of rows that it added.
   * @throws FencedError if a stored position differs: another loader loaded these rows, or these are not the next ones.
   * @throws InvalidRowsError if a body is not UTF-8 JSON, or is nested thousands of levels deep: BRONZE never
   * contains a document that a query cannot read.
   */
  append(batches: readonly Batch[]): Promise<number>;
}

/**
 * A second BRONZE, built from the topics in separate tables, while loading into the live one continues. After a kill, its
 * rows stay, and the next run resumes. It must not be filled beyond the live positions.
 */
export interface Rebuild extends Warehouse {
  /** Records that have a row in the live BRONZE but none in the rebuild, among those that the rebuild has read; not those whose answer is in the rebuild at another offset. */
  missing(): Promise<readonly RecordAddress[]>;
  /**
   * Copies from the live BRONZE the rows that the topics no longer have and those that were loaded meanwhile, compares both, and replaces
   * the live one: all of it or nothing. Of rows with the same answer, it keeps the one that the rebuild has. The live positions stay unchanged.
   * @param refused records that are no longer accepted and are parked: their rows are dropped.
   * @throws RebuildError if the live BRONZE has other rows whose records should be in the topics but are not. Nothing is changed then.
   */
  promote(refused?: ReadonlySet<RecordAddress>): Promise<SwapReport>;
  /** Deletes all rows filled so far. */
  discard(): Promise<void>;
}

/** The address of a record in the present topics: `topic/partition/offset`. */
export type RecordAddress = `${string}/${number}/${bigint}`;

/** Counts of the rows of all raw tables of the rebuilt BRONZE. */
export const swapReportShape = z.object({
  rows: count.describe('rows of the rebuilt BRONZE'),
  same: count.describe('rows equal to their live rows'),
  corrected: count.describe('live rows that differed from their record'),
  recovered: count.describe('rows that were missing in the live BRONZE'),
  refused: count.describe(
    'rows of the live BRONZE that the rebuilt one lacks, because the current rules refuse their records',
  ),
  repeated: count.describe(
    'rows of the live BRONZE that the rebuilt one lacks, because it has the same answer at another offset: their records were parked and sent back',
  ),
  retained: count.describe(
    "rows copied from the live BRONZE: beyond the topics' retention, of other topics, or loaded meanwhile",
  ),
});
export type SwapReport = ValueOf<typeof swapReportShape>;

/** The offsets `[from, end)` of a partition. */
export interface PartitionRange {
  readonly partition: PartitionId;
  readonly from: bigint;
  readonly end: bigint;
}

/**
 * A replay into the live BRONZE: adds the missing rows, and none twice. It has its own positions, which survive
 * a kill. The live positions do not move, and nothing at or beyond them is added, because the loader adds that. A row whose
 * answer BRONZE has at another offset is not missing.
 */
export interface Backfill extends Warehouse {
  /** Starts or resumes. @returns the ranges with which this replay began, each from its present position. */
  begin(ranges: readonly PartitionRange[]): Promise<readonly PartitionRange[]>;
  /** Deletes the positions: the next replay of the same name starts from scratch. */
  finish(): Promise<void>;
}

/** The rebuild must not replace BRONZE. */
export class RebuildError extends IngestError {
  readonly code = 'warehouse_failed';
  readonly retriable = false;
}

/** Another process has moved the position; nothing was written. Read `positions` again and resume from there. */
export class FencedError extends IngestError {
  readonly code = 'warehouse_failed';
  readonly retriable = false;
  readonly partition: PartitionId;

  constructor(partition: PartitionId, firstOffset: bigint, stored: bigint | null) {
    super(
      `${partition.topic}/${partition.partition} is at ${stored ?? 'no position'} in the ledger, not at ${firstOffset}`,
    );
    this.partition = partition;
  }
}

/** These rows contain no JSON that a query can read; nothing was written. Park them and append the others. */
export class InvalidRowsError extends IngestError {
  readonly code = 'warehouse_failed';
  readonly retriable = false;
  readonly rows: readonly { readonly partition: PartitionId; readonly kafkaOffset: bigint }[];

  constructor(rows: InvalidRowsError['rows']) {
    super(`${rows.length} rows contain no valid JSON, the first at offset ${rows[0]?.kafkaOffset}`);
    this.rows = rows;
  }
}

/** The warehouse is temporarily busy or unreachable (a lock held by another process, a lost session). */
export class WarehouseUnavailableError extends IngestError {
  readonly code = 'warehouse_unavailable';
  readonly retriable = true;
}

/** Reads the warehouse for summaries and status; never writes. */
export interface WarehouseReader extends AsyncDisposable {
  /** Rows as plain objects: numbers, texts, booleans and null; dates and timestamps as ISO texts. */
  query(sql: string): Promise<Record<string, unknown>[]>;
}
