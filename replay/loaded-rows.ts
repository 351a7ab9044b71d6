import type { RawRow } from '../consumers/raw-row.ts';
import { hasTable } from '../transform/layers.ts';
import { expiredDocument } from '../warehouse/expiry.ts';
import type { RawTable, TopicId, WarehouseReader } from '../warehouse/warehouse.ts';

/** A row of BRONZE, with its `answerColumns`. */
export type LoadedRow = Readonly<Record<string, unknown>>;

type Query = WarehouseReader['query'];

/** SQL for a text. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** SQL that selects the ledger lines of a topic. Lines from before topic ids were stored have none. */
export const isOfTopic = ({ clusterId, topic, topicId }: TopicId): string =>
  `cluster_id = ${quoted(clusterId)} and topic = ${quoted(topic)} and topic_id in (${quoted(topicId)}, '')`;

/** The positions of a topic in the ledger, fences included; none before the first load. */
export async function storedPositions(query: Query, topic: TopicId): Promise<ReadonlyMap<number, bigint>> {
  if (!(await hasTable(query, 'bronze', 'load_positions'))) return new Map();
  // All columns: a DuckDB file from before topic ids were stored has none.
  const rows = await query(
    `select * from bronze.load_positions where cluster_id = ${quoted(topic.clusterId)} and topic = ${quoted(topic.topic)}`,
  );
  const ofTopic = rows.filter((row) => [topic.topicId, ''].includes(String(row['topic_id'] ?? '')));
  return new Map(ofTopic.map((row) => [Number(row['kafka_partition']), BigInt(String(row['next_offset']))]));
}

/** What identifies an answer, apart from its document. */
const answerColumns: Readonly<Record<RawTable, string>> = {
  raw_movies: 'raw.movie_id, raw.http_status, raw.source_url, raw.fetched_at',
  raw_genres: 'raw.language, raw.source_url, raw.fetched_at',
};

/** Whether both are the same answer, apart from its document. */
export const isSameAnswer = (loaded: LoadedRow, row: RawRow): boolean =>
  loaded['source_url'] === row.sourceUrl &&
  Date.parse(String(loaded['fetched_at'])) === row.fetchedAt.getTime() &&
  ('movieId' in row
    ? Number(loaded['movie_id']) === row.movieId && Number(loaded['http_status']) === row.httpStatus
    : loaded['language'] === row.language);

/** The rows of BRONZE that were loaded from one topic. */
export class LoadedRows {
  readonly #query: Query;
  readonly #table: RawTable;
  readonly #from: string;

  constructor(query: Query, table: RawTable, topic: TopicId) {
    this.#query = query;
    this.#table = table;
    this.#from = `from bronze.${table} as raw
      join bronze.load_batches as batches on raw.batch_id = batches.batch_id and raw.load_seq = batches.load_seq
     where ${isOfTopic(topic)}`;
  }

  /** Those with the offsets `[from, end)` of a partition. */
  async between(partition: number, from: bigint, end: bigint): Promise<Map<bigint, LoadedRow>> {
    const rows = await this.#query(
      `select raw.kafka_offset, ${answerColumns[this.#table]} ${this.#from}
        and raw.kafka_partition = ${partition} and raw.kafka_offset >= ${from} and raw.kafka_offset < ${end}`,
    );
    return new Map(rows.map((row) => [BigInt(String(row['kafka_offset'])), row]));
  }

  /** The document of a row as text; null if it has expired. */
  async document(partition: number, offset: bigint): Promise<string | null> {
    const [row] = await this.#query(
      `select cast(raw.raw_data as varchar) as document ${this.#from}
        and raw.kafka_partition = ${partition} and raw.kafka_offset = ${offset}`,
    );
    const document = String(row?.['document'] ?? expiredDocument);
    return document === expiredDocument ? null : document;
  }

  /** Where a partition of BRONZE has this record; null if it has none. */
  async offsetOf(partition: number, row: RawRow): Promise<bigint | null> {
    const key = 'movieId' in row ? `raw.movie_id = ${row.movieId}` : `raw.language = ${quoted(row.language)}`;
    const [found] = await this.#query(
      `select min(raw.kafka_offset) as kafka_offset ${this.#from}
        and raw.kafka_partition = ${partition} and ${key} and raw.fetched_at = ${quoted(row.fetchedAt.toISOString().replace('Z', ''))}`,
    );
    const offset = found?.['kafka_offset'] ?? null;
    return offset === null ? null : BigInt(String(offset));
  }
}
