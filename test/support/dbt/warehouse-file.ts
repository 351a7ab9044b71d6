import { copyFile, cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DuckDBConnection, DuckDBInstance, DuckDBTimestampValue, type Json } from '@duckdb/node-api';
import { inject } from 'vitest';
import { systemClock } from '../../../runtime/clock.ts';
import type { Dbt, DbtEnvironment, DbtRun } from '../../../transform/dbt/dbt.ts';
import { openColdDbt } from '../../../transform/dbt/open-dbt.ts';
import type { DbtSummary } from '../../../transform/dbt/run-results.ts';
import { openDuckDbRunLog } from '../../../warehouse/duckdb/run-log.ts';
import { isLongForm } from '../../tiers.ts';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const projectDir = join(root, 'dbt');
/** The real dbt, for tests of its processes. All others start dbt through a server that has imported it. */
export const environmentDir = join(root, '.tools', 'dbt');

/**
 * For tests that read the tables themselves: in the fast tier, they leave out dbt's own tests, which are most of its work.
 * `values`, `empty-warehouse` and the e2e tests run those in each tier.
 */
export const buildOrRun = isLongForm ? 'build' : 'run';

/** One record of `tmdb.raw-movies` as a row of BRONZE. */
export interface MovieRecord {
  readonly movieId: number;
  /** A document, or the exact text of one. */
  readonly body: unknown;
  readonly status?: number;
  /** The query of the URL, such as `append_to_response=credits`. @default none */
  readonly query?: string;
  /** Seconds since the start of 2026. */
  readonly fetchedAt: number;
}

export interface GenresRecord {
  readonly language: string;
  readonly body: unknown;
  readonly fetchedAt: number;
}

/** TMDb's answer for a movie that does not exist. */
export const gone = (movieId: number, fetchedAt: number): MovieRecord => ({
  movieId,
  body: { success: false, status_code: 34, status_message: 'The resource you requested could not be found.' },
  status: 404,
  fetchedAt,
});

/** A movie that is a drama. */
export const movie = (movieId: number, fetchedAt = movieId): MovieRecord => ({
  movieId,
  body: { id: movieId, title: `movie ${movieId}`, status: 'Released', genres: [{ id: 18, name: 'Drama' }] },
  fetchedAt,
});

export type Row = Record<string, Json>;

/** Tables that a run makes. */
export const derivedTables = [
  'silver.stg_movies',
  'silver.silver_movies',
  'silver.silver_movie_observations',
  'silver.silver_movie_history',
  'silver.silver_document_shapes',
  'silver.silver_genres',
  'silver.silver_movie_genres',
  'silver.silver_production_companies',
  'silver.silver_movie_companies',
  'silver.silver_movie_countries',
  'silver.silver_movie_languages',
  'gold.dim_genres',
  'gold.dim_dates',
  'gold.dim_production_companies',
  'gold.dim_movies',
  'gold.dim_countries',
  'gold.dim_languages',
  'gold.fact_movies',
  'gold.bridge_movie_genres',
  'gold.bridge_movie_companies',
  'gold.bridge_movie_countries',
  'gold.bridge_movie_languages',
  'gold.kpi_genre_performance',
  'gold.kpi_yearly_trends',
  'gold.fact_movie_daily',
  'gold.kpi_movers',
  'gold.kpi_top_movies',
] as const;

/** The views of a run: nothing is stored for them. */
const derivedViews = [
  'gold.fact_released_features',
  'gold.dim_movie_history',
  'silver.silver_drift',
  ...['revenue', 'profit', 'roi', 'rating', 'popularity'].map((metric) => `gold.kpi_top_movies_by_${metric}`),
];

/** These have counts of documents of earlier runs, and forget old ones. */
const ofEarlierRuns: readonly string[] = ['silver.silver_document_shapes', 'silver.silver_drift'];

/** The tables and views of a run: one for each model. */
export const derivedRelations: readonly string[] = [...derivedTables, ...derivedViews];

/** A DuckDB file with BRONZE, and dbt to run on it. The file is open only during a call. */
export class WarehouseFile implements AsyncDisposable {
  readonly dir: string;
  readonly path: string;
  #offset = 0;

  private constructor(dir: string, name: string) {
    this.dir = dir;
    this.path = join(dir, `${name}.duckdb`);
  }

  /** @param name of the file. It may need quotes. */
  static async create(name = 'warehouse'): Promise<WarehouseFile> {
    const file = new WarehouseFile(await mkdtemp(join(tmpdir(), 'dbt-test-')), name);
    await file.query(await readFile(join(root, 'warehouse/duckdb/bronze.sql'), 'utf8'));
    return file;
  }

  /** The same tables in a new file, so that tests share a build. The copy has no results of earlier dbt runs. */
  async copy(): Promise<WarehouseFile> {
    const copy = new WarehouseFile(await mkdtemp(join(tmpdir(), 'dbt-test-')), basename(this.path, '.duckdb'));
    await copyFile(this.path, copy.path);
    copy.#offset = this.#offset;
    return copy;
  }

  /** Appends a batch with the given number. A number below that of an earlier batch simulates a loader that committed late. */
  async load(loadSeq: number, records: readonly MovieRecord[]): Promise<void> {
    const batchId = `test/tmdb.raw-movies/0/${this.#offset}`;
    // Uses the appender, as the loader does. It stores text as JSON without checking it.
    await this.#open(async (connection) => {
      const rows = await connection.createAppender('raw_movies', 'bronze');
      for (const [index, { movieId, body, status, query, fetchedAt }] of records.entries()) {
        rows.appendBigInt(BigInt(movieId));
        rows.appendVarchar(textOf(body));
        rows.appendVarchar(`https://api.themoviedb.org/3/movie/${movieId}${query ? `?${query}` : ''}`);
        rows.appendTimestamp(new DuckDBTimestampValue(microseconds('2026-06-01')));
        rows.appendVarchar(batchId);
        rows.appendBigInt(BigInt(loadSeq));
        rows.appendInteger(0);
        rows.appendBigInt(BigInt(this.#offset + index));
        rows.appendInteger(status ?? 200);
        rows.appendTimestamp(new DuckDBTimestampValue(microseconds('2026-01-01') + BigInt(fetchedAt) * 1_000_000n));
        // Its request is unknown.
        for (let column = 0; column < 3; column += 1) rows.appendNull();
        rows.endRow();
      }
      rows.closeSync();
    });
    await this.#sealLedger(batchId, loadSeq, 'tmdb.raw-movies', records.length);
  }

  async loadGenres(loadSeq: number, records: readonly GenresRecord[]): Promise<void> {
    const batchId = `test/tmdb.raw-genres/0/${this.#offset}`;
    const rows = records.map((record, index) => [
      textOf(record.body),
      batchId,
      loadSeq,
      this.#offset + index,
      record.language,
      record.fetchedAt,
    ]);
    await this.#insert(
      `insert into bronze.raw_genres
       select ?, timestamp '2026-06-01', ?, ?, 0, ?, ?, 'https://api.themoviedb.org/3/genre/movie/list',
         timestamp '2026-01-01' + to_seconds(?)`,
      rows,
    );
    await this.#sealLedger(batchId, loadSeq, 'tmdb.raw-genres', records.length);
  }

  async #sealLedger(batchId: string, loadSeq: number, topic: string, count: number): Promise<void> {
    await this.#insert(
      `insert into bronze.load_batches
         (load_seq, batch_id, cluster_id, topic, kafka_partition, first_offset, next_offset, row_count, payload_bytes, loaded_at)
       select ?, ?, 'test', ?, 0, ?, ?, ?, 0, timestamp '2026-06-01'`,
      [[loadSeq, batchId, topic, this.#offset, this.#offset + count, count]],
    );
    this.#offset += count;
  }

  async #insert(sql: string, rows: readonly (readonly (string | number)[])[]): Promise<void> {
    await this.#open(async (connection) => {
      await connection.run('begin');
      for (const row of rows) await connection.run(sql, [...row]);
      await connection.run('commit');
    });
  }

  async query(sql: string): Promise<Row[]> {
    return await this.#open(async (connection) => (await connection.runAndReadAll(sql)).getRowObjectsJson());
  }

  /** Holds the file open during `work`, as another process would. */
  whileOpen<T>(work: () => Promise<T>): Promise<T> {
    return this.#open(work);
  }

  async #open<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const instance = await DuckDBInstance.create(this.path);
    const connection = await instance.connect();
    try {
      return await work(connection);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  /** Every row of every table that depends only on BRONZE, in an order that depends only on the rows. */
  async contents(): Promise<Record<string, Row[]>> {
    const contents: Record<string, Row[]> = {};
    // Opened once: each time costs 17 ms of CPU time.
    await this.#open(async (connection) => {
      for (const table of derivedRelations.filter((relation) => !ofEarlierRuns.includes(relation))) {
        const rows = await connection.runAndReadAll(`select * from ${table} order by all`);
        contents[table] = rows.getRowObjectsJson();
      }
    });
    return contents;
  }

  /** The environment of dbt on this file, with additional variables. */
  place(env: NodeJS.ProcessEnv = {}): DbtEnvironment {
    return {
      projectDir,
      environmentDir: inject('dbtEnvironment'),
      workDir: join(this.dir, 'dbt'),
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], DUCKDB_PATH: this.path, ...env },
      openRunLog: (lock) =>
        openDuckDbRunLog({ path: this.path, lockWaitMs: 5_000, clock: systemClock, ...(lock && { lock }) }),
    };
  }

  /** Runs a command in a separate process. */
  async dbt(options: Partial<DbtRun> = {}, env: NodeJS.ProcessEnv = {}): Promise<DbtSummary> {
    await using dbt = openColdDbt(this.place(env));
    return await this.run(dbt, options);
  }

  /** A copy of the project that a test can change. */
  async copyOfProject(): Promise<AsyncDisposable & { readonly dir: string }> {
    const dir = join(this.dir, 'project');
    await cp(projectDir, dir, { recursive: true });
    return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) };
  }

  run(dbt: Dbt, options: Partial<DbtRun> = {}): Promise<DbtSummary> {
    return dbt.run({ command: 'build', signal: new AbortController().signal, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

const microseconds = (day: string): bigint => BigInt(Date.parse(day)) * 1000n;

const textOf = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body));
