import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { SnowflakeSession } from '../../../warehouse/snowflake/session.ts';
import { makeGold } from './small-gold.ts';

/** The text of a value as DuckDB writes it, which Snowflake casts; null stays. */
const textOf = (value: unknown): string | null => (value === null ? null : String(value));

const snowflakeType = (type: string): string => (type === 'TIMESTAMP' ? 'timestamp_ntz' : type);

async function copyTable(from: DuckDBConnection, to: SnowflakeSession, table: string): Promise<void> {
  const described = await from.runAndReadAll(`describe gold.${table}`);
  const columns = described.getRowObjectsJS().map((row) => [String(row['column_name']), String(row['column_type'])]);
  const names = columns.map(([name]) => name).join(', ');
  const types = columns.map(([name, type = '']) => `${name} ${snowflakeType(type)}`).join(', ');
  await to.execute({ sql: `create or replace table gold.${table} (${types})` });
  const rows = await from.runAndReadAll(`select columns(*)::varchar from gold.${table}`);
  const binds = rows.getRows().map((row) => row.map(textOf));
  if (binds.length === 0) return;
  const selected = columns.map(([, type = ''], index) => `cast(column${index + 1} as ${snowflakeType(type)})`);
  const sql = `insert into gold.${table} (${names})
    select ${selected.join(', ')} from values (${columns.map(() => '?').join(', ')})`;
  await to.execute({ sql, binds });
}

/** What dbt does when a run begins, and when it has succeeded, as a complete build or of some models: dbt/macros/build_state.sql. */
export async function markRun(session: SnowflakeSession, event: 'begun' | 'succeeded' | 'partial'): Promise<void> {
  await session.execute({
    sql: `create table if not exists gold.build_state
      (started_seq bigint not null, finished_seq bigint not null, finished_ms bigint not null, started_by varchar not null, partial_seq bigint)`,
  });
  await session.execute({
    sql: `insert into gold.build_state select 0, 0, 0, '', null where not exists (select 1 from gold.build_state)`,
  });
  const changes = {
    begun: 'started_seq = started_seq + 1',
    succeeded: `finished_seq = started_seq, finished_ms = ${Date.now()}`,
    partial: 'partial_seq = started_seq',
  };
  await session.execute({ sql: `update gold.build_state set ${changes[event]}` });
}

/** Builds the invented GOLD of `publishSmallGold` in Snowflake, with the same rows. @param count of the movies. */
export async function buildSmallGold(session: SnowflakeSession, count: number): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await makeGold(connection, count);
    const tables = await connection.runAndReadAll(
      `select table_name from information_schema.tables where table_schema = 'gold'`,
    );
    await session.execute({ sql: 'create schema if not exists gold' });
    await markRun(session, 'begun');
    for (const [table] of tables.getRows()) await copyTable(connection, session, String(table));
    await markRun(session, 'succeeded');
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
