import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pages } from '../../../dashboard/pages/index.ts';
import { type GoldReader, type GoldRow, GoldUnavailableError } from '../../../warehouse/gold-reader.ts';
import { plainRow } from '../../../warehouse/plain-row.ts';
import { makeGold } from '../dashboard/small-gold.ts';

/** A reader, and the warehouse that it reads. */
export interface GoldUnderTest {
  readonly reader: GoldReader;
  /** Builds and publishes the invented GOLD with so many movies. Resolves when the reader serves it. */
  publish(count: number): Promise<void>;
  close(): Promise<void>;
}

/** The choices of figures that have other queries for some of them, and of those that need one. */
const choices: Readonly<Record<string, readonly string[]>> = {
  'top-movies': ['', 'metric=roi', 'metric=rating'],
  companies: ['', 'order=return', 'order=movies'],
  movies: ['', 'kind=all&sort=title', 'genre=Comedy', `search=${encodeURIComponent('مرحبا')}`, 'page=2'],
  'return-by-budget': ['', 'genre=Action'],
  movie: ['id=3', 'id=6', 'id=7', 'id=8'],
  'movie-origin': ['id=3'],
  'movie-ranks': ['id=39'],
  'movie-daily': ['id=3'],
  'movie-history': ['id=3'],
  'movers-vote-count': ['', 'days=30'],
};

/** Each figure of each page, with its query. */
const queries = pages
  .flatMap(({ figures }) => figures)
  .flatMap((figure) =>
    (choices[figure.id] ?? ['']).map((choice) => ({
      name: `${figure.id}?${choice}`,
      ...figure.query(new URLSearchParams(choice)),
    })),
  );

/** Every value of every table, for what no figure shows. */
const tables = [
  'fact_movies',
  'dim_movies',
  'dim_dates',
  'dim_genres',
  'bridge_movie_genres',
  'fact_released_features',
  'kpi_top_movies_by_roi',
  'dim_movie_history',
  'fact_movie_daily',
];
const contents = tables.map((table) => ({ name: table, sql: `select * from ${table} order by all`, values: {} }));

/** Larger than what a floating-point number holds. */
const unusual = [
  { name: 'a large integer', sql: 'select 9007199254740993 + min(movie_id) as large from fact_movies', values: {} },
  { name: 'an exact sum', sql: 'select sum(revenue_usd) * 100000000000 as large from fact_movies', values: {} },
];

type Answers = Readonly<Record<string, readonly GoldRow[]>>;

/** What a DuckDB answers that has the same GOLD, without a reader. */
async function expected(count: number): Promise<Answers> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await makeGold(connection, count);
    await connection.run('use gold');
    const answers: Record<string, readonly GoldRow[]> = {};
    for (const { name, sql, values } of [...queries, ...contents, ...unusual]) {
      const rows = (await connection.runAndReadAll(sql, { ...values })).getRowObjectsJS();
      answers[name] = rows.map(plainRow) as GoldRow[];
    }
    return answers;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const read = (reader: GoldReader): Promise<Answers> =>
  reader.read(async (gold) => {
    const answers: Record<string, readonly GoldRow[]> = {};
    for (const { name, sql, values } of [...queries, ...contents, ...unusual]) {
      answers[name] = await gold.query(sql, values);
    }
    return answers;
  });

/** The contract of every reader of GOLD: the same SQL gives the same rows, whatever the warehouse. */
export function goldReaderContract(name: string, open: () => Promise<GoldUnderTest>): void {
  describe(`a reader of GOLD: ${name}`, () => {
    let subject: GoldUnderTest;
    beforeAll(async () => {
      subject = await open();
    });
    afterAll(() => subject?.close());

    const counted = () => subject.reader.read((gold) => gold.query('select count(*) as movies from fact_movies'));

    it('is unavailable while there is no GOLD', async () => {
      expect(() => subject.reader.version()).toThrow(GoldUnavailableError);
      await expect(counted()).rejects.toThrow(GoldUnavailableError);
    });

    it('[P22] answers the query of each figure with the rows that DuckDB has for the same GOLD', async () => {
      await subject.publish(40);
      const answers = await read(subject.reader);
      expect(answers).toEqual(await expected(40));
      expect(Object.values(answers).every((rows) => rows.length > 0)).toBe(true);
      expect(subject.reader.outage()).toBeNull();
    });

    it('[P22] reads one GOLD from the first to the last query, and the next one with its own version and time', async () => {
      const version = subject.reader.version();
      await subject.reader.read(async (gold) => {
        await subject.publish(20);
        expect(await gold.query('select count(*) as movies from fact_movies')).toEqual([{ movies: 40 }]);
        expect(gold.version).toBe(version);
        await subject.reader.read(async (next) => {
          expect(next.version).not.toBe(version);
          expect(next.publishedAt.getTime()).toBeGreaterThan(gold.publishedAt.getTime());
        });
      });
      expect(await counted()).toEqual([{ movies: 20 }]);
    });

    it.each([
      'delete from fact_movies',
      'create table x as select 1 as y',
      'drop table fact_movies',
      "from read_csv('/etc/passwd')",
      "copy fact_movies to '/tmp/x.csv'",
      "attach 'x.duckdb' as x",
      "set memory_limit = '1GB'",
    ])('[S14] refuses %s', async (sql) => {
      await expect(subject.reader.read((gold) => gold.query(sql))).rejects.toThrow();
      expect(await counted()).toEqual([{ movies: 20 }]);
    });

    it('says that another version built GOLD if a table is missing', async () => {
      const query = subject.reader.read((gold) => gold.query('from no_such_table'));
      await expect(query).rejects.toThrow(/was built by another version: .*no_such_table/);
    });
  });
}
