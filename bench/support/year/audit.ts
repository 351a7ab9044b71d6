import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { moviesTopic, partitions } from './answers.ts';

/** What was expected and what is there; null if it agrees. */
export type Findings = Readonly<Record<string, string | null>>;

/** Tables with the log of each run, or with counts of documents that depend on how many each run has read. */
const ofRuns = ['sealed_batches', 'dbt_runs', 'dbt_results', 'silver_document_shapes', 'build_state'];

async function query<T>(
  paths: Readonly<Record<string, string>>,
  ask: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    for (const [name, path] of Object.entries(paths)) await connection.run(`attach '${path}' as ${name} (read_only)`);
    return await ask(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const rowsOf = async (connection: DuckDBConnection, sql: string) => (await connection.runAndReadAll(sql)).getRows();

/** Whether BRONZE has each offset once, each batch once in the ledger with its rows, and each batch sealed once. */
export function auditBronze(path: string, expected: { readonly rows: number }): Promise<Findings> {
  return query({ year: path }, async (connection) => {
    const findings: Record<string, string | null> = {};
    for (const [name, sql] of Object.entries(bronzeQueries(expected.rows))) {
      const [[found, wanted] = []] = await rowsOf(connection, sql);
      findings[name] = found === wanted ? null : `${found} instead of ${wanted}`;
    }
    return findings;
  });
}

const ofMovies = `topic = '${moviesTopic.topic}'`;
const bronzeQueries = (rows: number): Readonly<Record<string, string>> => ({
  rows: `select count(*), ${rows}::bigint from year.bronze.raw_movies`,
  'different offsets': `
    select count(distinct (kafka_partition, kafka_offset)), ${rows}::bigint from year.bronze.raw_movies
     where kafka_offset between 0 and ${rows / partitions - 1}`,
  'rows without a batch': `select count(*), 0::bigint from year.bronze.raw_movies anti join year.bronze.load_batches using (batch_id)`,
  'batches with another number of rows': `
    select count(*), 0::bigint from (
      select row_count, next_offset - first_offset as offsets, (select count(*) from year.bronze.raw_movies as r where r.batch_id = b.batch_id) as found
        from year.bronze.load_batches as b where ${ofMovies}) where found <> row_count or offsets <> row_count`,
  'batches that do not follow one another': `
    select count(*), 0::bigint from (
      select first_offset, lag(next_offset, 1, 0) over (partition by kafka_partition order by first_offset) as expected
        from year.bronze.load_batches where ${ofMovies}) where first_offset <> expected`,
  'sealed batches': `
    select (select count(*) from year.silver.sealed_batches),
           (select count(*) from year.bronze.load_batches semi join year.silver.sealed_batches using (batch_id, load_seq))`,
  'batches in the ledger': `
    select (select count(*) from year.bronze.load_batches), (select count(distinct batch_id) from year.silver.sealed_batches)`,
});

/** For each table of SILVER and GOLD, whether both files have the same rows. */
export function compareTables(year: string, refreshed: string): Promise<Findings> {
  return query({ year, refreshed }, async (connection) => {
    const tables = await rowsOf(
      connection,
      `select schema_name || '.' || table_name from duckdb_tables()
        where database_name = 'year' and schema_name in ('silver', 'gold') and table_name not in ('${ofRuns.join("', '")}')`,
    );
    const findings: Record<string, string | null> = {};
    for (const [name] of tables) findings[String(name)] = await difference(connection, String(name));
    return findings;
  });
}

async function difference(connection: DuckDBConnection, table: string): Promise<string | null> {
  const [[less, more] = []] = await rowsOf(
    connection,
    `select (select count(*) from (from year.${table} except all from refreshed.${table})),
            (select count(*) from (from refreshed.${table} except all from year.${table}))`,
  );
  return less === 0n && more === 0n ? null : `${less} rows only after the year, ${more} only after the full refresh`;
}
