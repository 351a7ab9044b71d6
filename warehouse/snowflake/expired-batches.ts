import { timestampText } from '../numbered-batch.ts';
import { rebuildPrefix } from '../rebuild-sql.ts';
import { type RawTable, rawTables } from '../warehouse.ts';
import type { SnowflakeSession } from './session.ts';

/** Limits of one transaction, for which a loader may wait: documents replaced, and batches renumbered. A single batch may have more documents. */
const [documentsAtOnce, batchesAtOnce] = [20_000, 500];
/** Batches that one search finds: more than a loader with a batch every ten seconds writes in a day. */
const batchesPerSearch = 10_000;

/** Limits that tests lower. */
export interface PurgeLimits {
  /** Documents that one transaction replaces, unless a single batch has more. @default 20000 */
  readonly documentsAtOnce?: number;
  /** Batches that one search finds. @default 10000 */
  readonly batchesPerSearch?: number;
}

/** A raw table of BRONZE, or of an unfinished rebuild. */
export interface Place {
  readonly table: RawTable;
  readonly prefix: string;
}

/** A batch with expired documents. */
export interface ExpiredBatch {
  readonly loadSeq: bigint;
  readonly batchId: string;
  readonly documents: number;
}

/** Batches for one transaction. */
export interface ExpiredPart {
  readonly place: Place;
  readonly batches: readonly ExpiredBatch[];
}

/**
 * An answer cannot be younger than its row: this also finds answers whose time is wrong and in the future. It reads one key of each
 * document, as `is_expired` of dbt does: to compare the whole document, Snowflake would read and serialize all old ones.
 */
export const isExpired = (before: Date): string => {
  const limit = `'${timestampText(before)}'::timestamp_ntz`;
  const isReplaced = `coalesce(raw.raw_data:tmdb_stream_expired::varchar = 'true', false)`;
  return `(raw.fetched_at < ${limit} or raw.ingested_at < ${limit}) and not ${isReplaced}`;
};

/** The names of the tables in BRONZE, in lower case. */
export async function tablesOfBronze(session: SnowflakeSession): Promise<ReadonlySet<string>> {
  const { rows } = await session.execute({
    sql: `select lower(table_name) as name from information_schema.tables where lower(table_schema) = 'bronze'`,
  });
  return new Set(rows.map(({ name }) => String(name)));
}

/** BRONZE first. A rebuild that was killed while it created or dropped its tables has no rows. */
export const placesOf = (tables: ReadonlySet<string>): Place[] =>
  ['', rebuildPrefix]
    .filter((prefix) => tables.has(`${prefix}load_batches`))
    .flatMap((prefix) => rawTables.map((table) => ({ table, prefix })))
    .filter(({ table, prefix }) => tables.has(`${prefix}${table}`));

/**
 * Finds the batches with expired documents, one table after the other. A search reads all old rows, so its result serves many
 * transactions: only if it has reached its limit is the same table searched again.
 */
export class ExpiredBatches {
  readonly before: Date;
  readonly #places: Place[];
  readonly #limits: Required<PurgeLimits>;
  #found: ExpiredBatch[] = [];
  /** Whether the search has found all batches of the first place. */
  #isWhole = false;

  constructor(before: Date, places: readonly Place[], limits: PurgeLimits) {
    this.before = before;
    this.#places = [...places];
    this.#limits = { documentsAtOnce, batchesPerSearch, ...limits };
  }

  /** The next batches: at least one, whatever its size. @returns null if none is left. */
  async next(session: SnowflakeSession): Promise<ExpiredPart | null> {
    for (let place = this.#places[0]; place; place = this.#places[0]) {
      if (this.#found.length > 0) return { place, batches: this.#take() };
      if (this.#isWhole) {
        this.#places.shift();
        this.#isWhole = false;
      } else {
        await this.#search(session, place);
      }
    }
    return null;
  }

  async #search(session: SnowflakeSession, { table, prefix }: Place): Promise<void> {
    const most = this.#limits.batchesPerSearch;
    const { rows } = await session.execute({
      sql: `select raw.load_seq, raw.batch_id, count(*) as documents from bronze.${prefix}${table} as raw
             where ${isExpired(this.before)} group by raw.load_seq, raw.batch_id
             order by raw.load_seq, raw.batch_id limit ${most}`,
    });
    this.#isWhole = rows.length < most;
    this.#found = rows.map((row) => ({
      loadSeq: BigInt(String(row['load_seq'])),
      batchId: String(row['batch_id']),
      documents: Number(row['documents']),
    }));
  }

  #take(): ExpiredBatch[] {
    let [length, documents] = [0, 0];
    for (const one of this.#found.slice(0, batchesAtOnce)) {
      documents += one.documents;
      if (length > 0 && documents > this.#limits.documentsAtOnce) break;
      length += 1;
    }
    return this.#found.splice(0, length);
  }
}
