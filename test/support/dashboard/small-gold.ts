import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { metricsTable, selectMetrics } from '../../../schemas/metrics.ts';
import { relationsOf, type YamlModelNames } from '../dbt/relations.ts';
import { readYamlFiles } from '../deploy/project.ts';

const models = join(import.meta.dirname, '../../../dbt/models/gold');

interface ContractColumn {
  readonly name: string;
  readonly data_type: string;
}

/** The columns and types of each contract, so that a table made here has the columns that dbt makes. */
const contracts = new Map(
  readYamlFiles<{ readonly models?: readonly YamlModelNames<ContractColumn>[] }>(
    readdirSync(models).flatMap((file) => (file.endsWith('.yml') ? [join(models, file)] : [])),
  )
    .flatMap(({ models: own = [] }) => own.flatMap(relationsOf))
    .map(({ name, columns }) => [name, columns.map(declarationOf).join(', ')]),
);

function declarationOf({ name, data_type: type }: ContractColumn): string {
  return `"${name}" ${type.includes('timestamp') ? 'timestamp' : type}`;
}

/** The tables and views of GOLD. */
export const modelNames = [...contracts.keys()];

/** The views of `kpi_top_movies` with one metric each. */
const viewName = /^kpi_top_movies_by_(\w+)$/;

/** Titles that a page must show as text, whatever is in them. */
export const oddTitles = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "=HYPERLINK('http://x.invalid')",
  'مرحبا بالعالم',
  '\u202eevil\u202c & <b>',
];

/**
 * Movies by id, of 2019 to 2023: 1 to 5 have odd titles, 6 is not released, 7 has no money, 8 no date, genre and company. Their values
 * grow with the id up to 999, and then begin again. `$companies` companies share them. As at TMDb, most movies of a large catalog have no
 * money: those with an id above 20,000.
 */
const movies = `
  select range::bigint as movie_id, md5(range::varchar) as movie_sk,
         case when range = 8 then -1 else ((2019 + range % 5) * 10000 + 101)::integer end as date_sk,
         case when range = 8 then 'g-1' else 'g' || (range % 3) end as genre_sk,
         case when range = 8 then 'c-1' else 'c' || (range % $companies) end as company_sk,
         case when range between 1 and 5 then $titles[range] else 'Movie ' || range end as title,
         1 + (range - 1) % 999 as n,
         case when range <> 7 and range <= 20000 then 1000000 * n * n end as revenue_usd,
         case when range <> 7 and range <= 20000 then 5000000 * n end as budget_usd,
         revenue_usd - budget_usd as profit_usd,
         cast(revenue_usd - budget_usd as double) * 100 / budget_usd as roi_pct,
         least(10, 5 + n / 10.0) as vote_average, 100 * n as vote_count, 10.0 * n as popularity,
         1 as _run_seq, 'Released' as status, false as adult, false as video, false as softcore,
         range <> 6 as is_released, range <> 6 as is_released_feature, range not in (6, 7) and range <= 20000 as is_money_known,
         timestamp '2026-01-02 03:04:05' as answered_at, case when range <> 8 then make_date((2019 + range % 5)::integer, 1, 1) end as release_date,
         genre_sk as first_listed_genre_sk, company_sk as first_listed_company_sk
    from range(1, $count + 1)`;

const counted = 'from gold.fact_movies as movies';

const statements = [
  `insert into gold.dim_movies by name
   select movie_sk, movie_id, title, title as original_title, 'en' as original_language, status, is_released, 95 as runtime, adult,
          video, softcore, 'A <collection>' as collection, timestamp '2025-12-01' as first_seen_at, answered_at, _run_seq
     from gold.fact_movies`,
  `insert into gold.dim_genres by name
   select * from (values ('g0', 28, 'Action'), ('g1', 35, 'Comedy'), ('g2', 18, 'Drama & <i>'), ('g-1', -1, 'Unknown'))
       as genres (genre_sk, genre_id, genre_name)`,
  `insert into gold.dim_production_companies by name
   select 'c' || range as company_sk, range as company_id, 'Company ' || range as company_name, 'US' as origin_country from range(-1, $companies)`,
  `insert into gold.dim_dates by name
   select year * 10000 + 101 as date_sk, make_date(year, 1, 1) as full_date, year from range(2010, 2030) as years (year)
    union all select -1, null, null`,
  `insert into gold.bridge_movie_genres by name
   select movie_sk || genre_sk as bridge_sk, movie_sk, genre_sk, movie_id, 1 as position, 1 as _run_seq from gold.fact_movies
    union all
   select movie_sk || 'g0', movie_sk, 'g0', movie_id, 2, 1 from gold.fact_movies where genre_sk = 'g1'`,
  `insert into gold.bridge_movie_companies by name
   select movie_sk || company_sk as bridge_sk, movie_sk, company_sk, movie_id, 1 as position, 1 as _run_seq from gold.fact_movies`,
  `insert into gold.${metricsTable} by name
   select * exclude (revenue_usd, budget_usd, profit_usd, roi_pct, popularity), year(release_date)::integer as release_year,
          case when is_money_known then revenue_usd end as known_revenue_usd,
          case when is_money_known then budget_usd end as known_budget_usd,
          case when is_money_known then profit_usd end as known_profit_usd,
          case when is_money_known then roi_pct end as known_roi_pct, popularity as current_popularity
     from (select movie_sk, movie_id, title, date_sk, release_date, first_listed_genre_sk, first_listed_company_sk, is_money_known,
                  revenue_usd, budget_usd, profit_usd, roi_pct, vote_average, vote_count, popularity, answered_at
             ${counted} where is_released_feature)`,
  `insert into gold.dim_movie_history by name
   select movie_sk, movie_id, 1 as version_number, timestamp '2025-12-01' as valid_from, answered_at as valid_to, false as is_current,
          false as is_deleted, title, 'Planned' as status, release_date, 95 as runtime, budget_usd from gold.fact_movies
    union all by name
   select movie_sk, movie_id, 2 as version_number, answered_at as valid_from, true as is_current, 'status revenue_usd' as changed_columns,
          false as is_deleted, title, status, release_date, 95 as runtime, budget_usd, revenue_usd from gold.fact_movies`,
  `insert into gold.fact_movie_daily by name
   select movie_sk, movie_id, date '2026-01-01' + days.range::integer as answered_on, -1 as date_sk, answered_at,
          vote_count + days.range as vote_count, vote_average, popularity, revenue_usd
     from gold.fact_movies, range(2) as days`,
  `insert into gold.kpi_movers by name
   select metric, days as span_days, row_number() over (partition by metric, days order by movie_id)::integer as rank, movie_sk, movie_id,
          title, 2020 as release_year, date '2026-01-01' as first_answered_on, date '2026-01-02' as last_answered_on, 1.0 as first_value,
          3.5 as last_value, 2.5 as gain
     from gold.fact_movies, unnest(['vote_count', 'popularity', 'revenue_usd']) as metrics (metric), unnest([7, 30]) as spans (days)
    where movie_id < 10`,
  `insert into gold.kpi_genre_performance by name
   select genre_sk, genre_id, genre_name, ${selectMetrics()}
     from gold.bridge_movie_genres join gold.${metricsTable} using (movie_id) join gold.dim_genres using (genre_sk)
    group by genre_sk, genre_id, genre_name`,
  `insert into gold.kpi_yearly_trends by name
   select release_year, release_year < 2023 as is_complete_year, ${selectMetrics()} from gold.${metricsTable} where release_year is not null group by release_year`,
  ...[
    ['revenue', 'revenue_usd', 'is_money_known'],
    ['profit', 'profit_usd', 'is_money_known'],
    ['roi', 'roi_pct', 'is_money_known'],
    ['rating', 'vote_average', 'vote_count >= 300'],
    ['popularity', 'popularity', 'true'],
  ].map(
    ([metric, column, condition]) => `
      insert into gold.kpi_top_movies by name
      select '${metric}' as metric, row_number() over (order by ${column} desc, movie_id) as rank, ${column} as value,
             movie_sk, movie_id, title, dates.year as release_year, revenue_usd, budget_usd, profit_usd, roi_pct,
             vote_average, vote_count, popularity
        ${counted} join gold.dim_dates as dates using (date_sk)
       where is_released_feature and ${condition} and ${column} is not null
     qualify rank <= 100`,
  ),
];

/** Makes the schema `gold` of a connection. @param count of the movies. */
export async function makeGold(connection: DuckDBConnection, count: number): Promise<void> {
  await connection.run('create schema gold');
  for (const model of modelNames.filter((name) => !viewName.test(name))) {
    await connection.run(`create table gold.${model} (${contracts.get(model)})`);
  }
  for (const [view, metric] of modelNames.flatMap((name) => [...name.matchAll(new RegExp(viewName, 'g'))])) {
    await connection.run(
      `create view gold.${view} as select * exclude (metric, value) from gold.kpi_top_movies where metric = '${metric}'`,
    );
  }
  const titles = `[${oddTitles.map((title) => `'${title.replaceAll("'", "''")}'`).join(', ')}]`;
  const companies = String(Math.max(4, Math.floor(count / 10)));
  const given = (sql: string) =>
    sql.replace('$titles', titles).replace('$count', String(count)).replace('$companies', companies);
  await connection.run(`insert into gold.fact_movies by name select * exclude n from (${given(movies)})`);
  for (const statement of statements) await connection.run(given(statement));
}

/** Publishes an invented GOLD as the product does: a new file that replaces the last one. @param count of the movies. */
export async function publishSmallGold(path: string, count = 40): Promise<void> {
  const unfinished = `${path}.unfinished`;
  rmSync(unfinished, { force: true });
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(`attach '${unfinished}' as published; use published`);
  await makeGold(connection, count);
  await connection.run('use memory; detach published');
  connection.closeSync();
  instance.closeSync();
  renameSync(unfinished, path);
}
