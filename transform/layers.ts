import type { Query } from './state.ts';

/** When each layer last changed (ms since the epoch); a layer that never did is absent. */
export type LayerTimes = Readonly<Partial<Record<'bronze' | 'silver' | 'gold', number>>>;

const bronzeSql = 'select max(loaded_at) as moved_at from bronze.load_batches';

/** SILVER and GOLD change at the same time, when a run has built every model. */
const builtSql = `
  select max(finished_at) as moved_at from silver.dbt_runs where is_complete and models_status = 'success'`;

export async function readLayerTimes(query: Query): Promise<LayerTimes> {
  const bronze = await momentOf(query, bronzeSql);
  const built = (await hasTable(query, 'silver', 'dbt_runs')) ? await momentOf(query, builtSql) : undefined;
  return {
    ...(bronze !== undefined && { bronze }),
    ...(built !== undefined && { silver: built, gold: built }),
  };
}

export async function hasTable(query: Query, schema: string, table: string): Promise<boolean> {
  const rows = await query(
    `select 1 from information_schema.tables where lower(table_schema) = '${schema}' and lower(table_name) = '${table}'`,
  );
  return rows.length > 0;
}

async function momentOf(query: Query, sql: string): Promise<number | undefined> {
  const [row] = await query(sql);
  const text = row?.['moved_at'];
  return typeof text === 'string' ? Date.parse(text) : undefined;
}
