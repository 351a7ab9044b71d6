import { DuckDBInstance } from '@duckdb/node-api';
import { systemClock } from '../../runtime/clock.ts';
import { officialGenres } from '../../sandbox/catalogue.ts';
import { topics } from '../../test/support/kafka/topics.ts';
import { openDuckDbReader } from '../../warehouse/duckdb/reader.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import type { Batch, Warehouse } from '../../warehouse/warehouse.ts';
import type { Answer } from './bronze-shapes.ts';

const clusterId = 'bench';
/** Batches per transaction. */
const batchesPerTransaction = 20;
/** Recent, because dbt forgets shapes of documents that no answer had for 180 days, and would read BRONZE again. */
const firstDay = Math.floor(Date.now() / 86_400_000 - 150) * 86_400_000;
const msPerDay = 86_400_000;

/** A DuckDB file whose BRONZE is written by the product's own warehouse: rows, ledger and positions agree. */
export class BronzeFile {
  readonly path: string;
  readonly #batchRows: number;
  readonly #answersPerDay: number;
  #offset = 0n;

  constructor(path: string, { batchRows, answersPerDay }: { batchRows: number; answersPerDay: number }) {
    this.path = path;
    this.#batchRows = batchRows;
    this.#answersPerDay = answersPerDay;
  }

  async fill(answers: Iterable<Answer>, onRows: (rows: number) => void): Promise<void> {
    await using warehouse = await this.#open();
    await warehouse.migrate();
    await warehouse.append([this.#genres()]);
    let rows: Answer[] = [];
    for (const answer of answers) {
      rows.push(answer);
      if (rows.length < this.#batchRows * batchesPerTransaction) continue;
      await this.#appendTo(warehouse, rows);
      onRows(Number(this.#offset));
      rows = [];
    }
    await this.#appendTo(warehouse, rows);
  }

  async append(answers: readonly Answer[]): Promise<void> {
    await using warehouse = await this.#open();
    await this.#appendTo(warehouse, answers);
  }

  /**
   * Adds lines of the ledger and marks of dbt until there are `lines`: of batches without rows, a year of them, sealed by earlier runs
   * than the first one in the file.
   */
  async ageLedger(lines: number): Promise<void> {
    const instance = await DuckDBInstance.create(this.path);
    const connection = await instance.connect();
    try {
      const [[have] = []] = (await connection.runAndReadAll('select count(*) from bronze.load_batches')).getRows();
      const values = `'${clusterId}/aged/' || i as batch_id, -i as load_seq`;
      const sealedAt = `now()::timestamp - interval (i % 31536000) second`;
      await connection.run(`
        insert into bronze.load_batches by name
        select ${values}, '${clusterId}' as cluster_id, '${topics.rawMovies.name}' as topic, 'former' as topic_id, 0 as kafka_partition,
               i as first_offset, i + 1 as next_offset, 0 as row_count, 0 as payload_bytes, ${sealedAt} as loaded_at
          from range(${have}, ${lines}) as numbers(i);
        insert into silver.sealed_batches by name
        select ${values}, -(i // 400) as run_seq, ${sealedAt} as sealed_at from range(${have}, ${lines}) as numbers(i);
        checkpoint`);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  async query(sql: string): Promise<readonly Record<string, unknown>[]> {
    await using reader = await openDuckDbReader({ path: this.path, lockWaitMs: 0, clock: systemClock });
    return await reader.query(sql);
  }

  /** The time of TMDb's answer at an offset: four a second, like the rate limit, from the start of its day. */
  #fetchedAt(offset: bigint): Date {
    const day = Math.floor(Number(offset) / this.#answersPerDay);
    return new Date(firstDay + day * msPerDay + (Number(offset) % this.#answersPerDay) * 250);
  }

  #open(): Promise<Warehouse> {
    return openDuckDbWarehouse({ path: this.path, lockWaitMs: 0, clock: systemClock });
  }

  async #appendTo(warehouse: Warehouse, answers: readonly Answer[]): Promise<void> {
    const batches: Batch[] = [];
    for (let from = 0; from < answers.length; from += this.#batchRows) {
      batches.push(this.#movies(answers.slice(from, from + this.#batchRows)));
    }
    await warehouse.append(batches);
  }

  #movies(answers: readonly Answer[]): Batch {
    const firstOffset = this.#offset;
    this.#offset += BigInt(answers.length);
    const rows = answers.map(({ movieId, httpStatus, body }, index) => ({
      kafkaOffset: firstOffset + BigInt(index),
      movieId,
      body,
      sourceUrl: `https://api.themoviedb.org/3/movie/${movieId}`,
      httpStatus,
      fetchedAt: this.#fetchedAt(firstOffset + BigInt(index)),
    }));
    const partition = { clusterId, topic: topics.rawMovies.name, topicId: 'bench', partition: 0 };
    return { table: 'raw_movies', partition, firstOffset, nextOffset: this.#offset, rows };
  }

  #genres(): Batch {
    const body = Buffer.from(JSON.stringify({ genres: officialGenres }));
    const sourceUrl = 'https://api.themoviedb.org/3/genre/movie/list?language=en';
    return {
      table: 'raw_genres',
      partition: { clusterId, topic: topics.rawGenres.name, topicId: 'bench', partition: 0 },
      firstOffset: 0n,
      nextOffset: 1n,
      rows: [{ kafkaOffset: 0n, language: 'en', body, sourceUrl, fetchedAt: this.#fetchedAt(0n) }],
    };
  }
}
