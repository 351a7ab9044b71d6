import { IngestError } from '../runtime/errors.ts';

/** One record of `tmdb.raw-movies` on its way into `bronze.raw_movies`. */
export interface RawMovieRow {
  readonly kafkaOffset: bigint;
  readonly movieId: number;
  /** The document's exact bytes. */
  readonly body: Buffer;
  readonly sourceUrl: string;
  readonly httpStatus: number;
  readonly fetchedAt: Date;
}

/** One record of `tmdb.raw-genres` on its way into `bronze.raw_genres`. */
export interface RawGenresRow {
  readonly kafkaOffset: bigint;
  readonly language: string;
  readonly body: Buffer;
  readonly sourceUrl: string;
  readonly fetchedAt: Date;
}

/** Identifies a topic for ever: one that is made anew, or whose cluster is, starts new positions under the same name. */
export interface TopicId {
  readonly clusterId: string;
  readonly topic: string;
  /** Kafka's own id of it. */
  readonly topicId: string;
}

export interface PartitionId extends TopicId {
  readonly partition: number;
}

/** The tables that records become rows of. */
export const rawTables = ['raw_movies', 'raw_genres'] as const;
export type RawTable = (typeof rawTables)[number];

/** With the ledger's. They were made together, and only together they say what is in BRONZE and what is not. */
export const bronzeTables = [...rawTables, 'load_positions', 'load_batches'] as const;

/** The offsets `[firstOffset, nextOffset)` of one partition; `rows` are those of them that go into BRONZE. */
export type Batch = { readonly partition: PartitionId; readonly firstOffset: bigint; readonly nextOffset: bigint } & (
  | { readonly table: 'raw_movies'; readonly rows: readonly RawMovieRow[] }
  | { readonly table: 'raw_genres'; readonly rows: readonly RawGenresRow[] }
);

/** The same offsets always make the same batch, so its name says what is in it. */
export const batchId = ({ partition, firstOffset, nextOffset }: Batch): string =>
  `${partition.clusterId}/${partition.topic}/${partition.topicId}/${partition.partition}/${firstOffset}-${nextOffset - 1n}`;

/**
 * Where BRONZE lives. Append-only; a partition's position moves only together with its rows, so every offset of a
 * raw topic is in BRONZE exactly once.
 */
export interface Warehouse extends AsyncDisposable {
  /** Creates what is missing; safe to call again. */
  migrate(): Promise<void>;
  /** For each partition of the topic, the first offset that is not in BRONZE yet. A partition never loaded is absent. */
  positions(topic: TopicId): Promise<ReadonlyMap<number, bigint>>;
  /**
   * Rows and the positions that follow them, in one transaction: all of `batches` or nothing. The stored position of
   * each partition is compared with `firstOffset` and set to `nextOffset` (a partition never loaded accepts any).
   * @throws FencedError when a stored position differs: somebody else loaded these rows, or these are not next.
   * @throws InvalidRowsError when a body is not UTF-8 JSON, or nested thousands of levels deep: BRONZE never
   * holds what a query cannot read.
   */
  append(batches: readonly Batch[]): Promise<void>;
}

/**
 * BRONZE made anew from the topics in tables of its own, beside the live one, which goes on being loaded meanwhile. What is
 * filled so far stays when we die; the next one goes on from there. To be filled no further than the live positions.
 */
export interface Rebuild extends Warehouse {
  /** Records that have a row in the live BRONZE but none in the rebuild, among those that the rebuild has read. */
  missing(): Promise<readonly RecordAddress[]>;
  /**
   * Takes over from the live BRONZE what the topics do not have (any more) and what was loaded since, compares the two, and puts the
   * rebuilt one in its place: all of it or nothing. The live positions stay as they are.
   * @param refused records that are no longer accepted and are parked: their rows are dropped.
   * @throws RebuildError if the live BRONZE has other rows whose records should be in the topics but are not. Nothing is changed then.
   */
  promote(refused?: ReadonlySet<RecordAddress>): Promise<SwapReport>;
  /** Forgets what is filled so far. */
  discard(): Promise<void>;
}

/** The address of a record in the present topics: `topic/partition/offset`. */
export type RecordAddress = `${string}/${number}/${bigint}`;

/** What the rebuilt BRONZE holds, in rows of all raw tables. */
export interface SwapReport {
  readonly rows: number;
  /** Those that are as they were. */
  readonly same: number;
  /** Those that differed from their record. */
  readonly corrected: number;
  /** Those that were missing. */
  readonly recovered: number;
  /** Rows of the live BRONZE that it lacks because the present rules refuse their records. */
  readonly refused: number;
  /** Those taken over from the live BRONZE: beyond the topics' retention, of other topics, or loaded meanwhile. */
  readonly carried: number;
}

/** The offsets `[from, end)` of a partition. */
export interface PartitionRange {
  readonly partition: PartitionId;
  readonly from: bigint;
  readonly end: bigint;
}

/**
 * A replay into the live BRONZE: adds the rows that are not there, and none twice. Its positions are its own and stay
 * when we die; those of the live BRONZE do not move, and nothing at or beyond them is added, as its loader will do that.
 */
export interface Backfill extends Warehouse {
  /** Rows that this one has added so far. */
  readonly added: number;
  /** Sets out, or goes on. @returns the ranges that this replay began with, each from where it is now. */
  begin(ranges: readonly PartitionRange[]): Promise<readonly PartitionRange[]>;
  /** Forgets the positions: the next one of the same name begins anew. */
  finish(): Promise<void>;
}

/** A rebuild must not take the place of BRONZE. */
export class RebuildError extends IngestError {
  readonly retriable = false;
}

/** The position moved under us; nothing was written. Read `positions` again and go on from there. */
export class FencedError extends IngestError {
  readonly retriable = false;
  readonly partition: PartitionId;

  constructor(partition: PartitionId, firstOffset: bigint, stored: bigint | null) {
    super(
      `${partition.topic}/${partition.partition} is at ${stored ?? 'no position'} in the ledger, not at ${firstOffset}`,
    );
    this.partition = partition;
  }
}

/** These rows hold no JSON that a query can read; nothing was written. Park them and append the rest. */
export class InvalidRowsError extends IngestError {
  readonly retriable = false;
  readonly rows: readonly { readonly partition: PartitionId; readonly kafkaOffset: bigint }[];

  constructor(rows: InvalidRowsError['rows']) {
    super(`${rows.length} rows hold no valid JSON, the first at offset ${rows[0]?.kafkaOffset}`);
    this.rows = rows;
  }
}

/** The warehouse is busy or out of reach for now (a lock held by another process, a lost session). */
export class WarehouseUnavailableError extends IngestError {
  readonly retriable = true;
}

/** Reads the warehouse for summaries and status; never writes. */
export interface WarehouseReader extends AsyncDisposable {
  /** Rows as plain objects: numbers, texts, booleans and null; dates and timestamps as ISO texts. */
  query(sql: string): Promise<Record<string, unknown>[]>;
}
