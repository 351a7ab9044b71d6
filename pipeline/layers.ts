import type { Query } from '../lib/dbt/transform-state.ts';

/** When each layer last changed (ms since the epoch); a layer that never did is absent. */
export type LayerTimes = Readonly<Partial<Record<'bronze' | 'silver' | 'gold', number>>>;

const runsKnownSql = `
  select count(*) as tables from information_schema.tables
   where lower(table_schema) = 'silver' and lower(table_name) = 'dbt_runs'`;

const bronzeSql = 'select max(loaded_at) as moved_at from bronze.load_batches';

/** SILVER and GOLD change together, when a run has built every model. */
const builtSql = `
  select max(finished_at) as moved_at from silver.dbt_runs where is_complete and models_status = 'success'`;

export async function readLayerTimes(query: Query): Promise<LayerTimes> {
  const bronze = await momentOf(query, bronzeSql);
  const [known] = await query(runsKnownSql);
  const built = Number(known?.['tables']) > 0 ? await momentOf(query, builtSql) : undefined;
  return {
    ...(bronze !== undefined && { bronze }),
    ...(built !== undefined && { silver: built, gold: built }),
  };
}

async function momentOf(query: Query, sql: string): Promise<number | undefined> {
  const [row] = await query(sql);
  const text = row?.['moved_at'];
  return typeof text === 'string' ? Date.parse(text) : undefined;
}
