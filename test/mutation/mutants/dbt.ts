import type { Mutant } from '../mutant.ts';

const late = {
  files: ['test/integration/dbt/incremental.test.ts'],
  only: 'committed late under a lower number',
};
const batches = 'dbt/macros/batches.sql';

const isUnsealed = `where not exists (
    select 1
    from {{ run_log("sealed_batches") }} as sealed
    where sealed.batch_id = loaded.batch_id and sealed.load_seq = loaded.load_seq
)`;

const figures = {
  files: ['test/integration/dbt/definitions.test.ts'],
  only: 'comes to the rows that documents of every odd kind say',
};
const names = { files: figures.files, only: 'names genres and companies without a name' };
const popularity = { files: figures.files, only: 'ranks and averages a movie by its popularity for a week' };
const wrongTypes = { files: ['test/integration/dbt/wrong-types.test.ts'] };
const measures = 'dbt/macros/movie_measures.sql';

/** Each definition of what figures count, broken: a movie of the wrong kind rules a figure. */
const definitionMutants: readonly Mutant[] = [
  {
    name: 'figures: a budget of any size counts',
    file: measures,
    find: '{{ movies }}.budget_usd >= {{ var("money_budget_floor_usd") }}',
    replace: '{{ movies }}.budget_usd > 0',
    tests: figures,
  },
  {
    name: 'figures: a revenue of any size counts',
    file: measures,
    find: '{{ movies }}.revenue_usd >= {{ var("money_revenue_floor_usd") }}',
    replace: '{{ movies }}.revenue_usd > 0',
    tests: figures,
  },
  {
    name: 'figures: money counts without votes',
    file: measures,
    find: '{{ movies }}.vote_count >= {{ var("money_vote_floor") }}',
    replace: '{{ movies }}.vote_count >= 0',
    tests: figures,
  },
  ...['adult', 'video', 'softcore'].map(
    (mark): Mutant => ({
      name: `figures: movies marked as ${mark} count`,
      file: measures,
      find: `and not coalesce({{ movies }}.${mark}, false)`,
      replace: '',
      tests: figures,
    }),
  ),
  {
    name: 'figures: the marts count every movie',
    file: measures,
    find: 'where movies.is_released_feature',
    replace: '',
    tests: figures,
  },
  {
    name: 'figures: a release date in the future counts as released',
    file: measures,
    find: '{{ documents }}.release_date <= cast({{ documents }}.fetched_at as date)',
    replace: '{{ documents }}.release_date is not null',
    tests: figures,
  },
  ...['revenue', 'profit'].map(
    (metric): Mutant => ({
      name: `figures: the list by ${metric} ranks money that is not known`,
      file: 'dbt/models/gold/kpi_top_movies.sql',
      find: `("${metric}", "${metric}_usd", "is_money_known")`,
      replace: `("${metric}", "${metric}_usd", "true")`,
      tests: figures,
    }),
  ),
  {
    name: 'figures: the median is the mean',
    file: measures,
    find: 'percentile_cont({{ fraction }}) within group (order by cast({{ value }} as double))',
    replace: 'avg(cast({{ value }} as double))',
    tests: figures,
  },
  {
    name: 'figures: a popularity of any age counts',
    file: measures,
    find: 'then movies.popularity',
    replace: 'then movies.popularity else movies.popularity',
    tests: popularity,
  },
  {
    name: 'names: an empty title hides the original one',
    file: 'dbt/models/gold/fact_movies.sql',
    find: 'name_or_id("movies.original_title", "Movie", "movies.movie_id")',
    replace: 'name_or_id("movies.title", "Movie", "movies.movie_id")',
    tests: figures,
  },
  {
    name: 'names: spaces of any kind are a title',
    file: 'dbt/macros/values.sql',
    find: "regexp_matches({{ text }}, '[^{{ escaped | join }}]')",
    replace: "trim({{ text }}, ' ') <> ''",
    tests: figures,
  },
  {
    name: 'names: the newest mention names a genre, even without a name',
    file: 'dbt/models/silver/silver_genres.sql',
    find: 'case when genre_name is null then 1 else 0 end',
    replace: '0',
    tests: names,
  },
  {
    name: 'names: the newest mention names a company, even without a name',
    file: 'dbt/models/silver/silver_production_companies.sql',
    find: 'case when company_name is null then 1 else 0 end',
    replace: '0',
    tests: names,
  },
  {
    name: 'names: a list without a usable genre is the newest list',
    file: 'dbt/models/silver/silver_genres.sql',
    find: '(select min(newest.list_rank) from usable as newest where newest.genre_id > 0)',
    replace: '1',
    tests: { files: ['test/integration/dbt/definitions.test.ts'], only: 'names genres' },
  },
  {
    name: 'types: a value that should be a list is not reported',
    file: 'dbt/macros/json.sql',
    find: `{{ value }} <> 'null' and {{ value }} not like '[%'`,
    replace: 'false',
    tests: wrongTypes,
  },
  {
    name: 'types: what is no text is read as one',
    file: 'dbt/macros/json.sql',
    find: `json_type", document, "'$." ~ key ~ "'") }} = 'VARCHAR'`,
    replace: `json_type", document, "'$." ~ key ~ "'") }} <> ''`,
    tests: wrongTypes,
  },
  {
    name: 'types: an element without an id is nothing to tell',
    file: 'dbt/macros/unusable_fields.sql',
    find: 'not coalesce({{ to_bigint(json_text("contents", keys, "id")) }} > 0, false)',
    replace: 'false',
    tests: wrongTypes,
  },
  {
    name: 'doubles: there is no warning of two movies with one IMDb id',
    file: 'dbt/tests/imdb_ids_are_unique.sql',
    find: 'having count(*) > 1',
    replace: 'having count(*) > 9',
    tests: { files: figures.files, only: 'warns of two movies with one IMDb id' },
  },
];

/** SILVER is the newest answer, whatever order batches came in. */
export const dbtMutants: readonly Mutant[] = [
  {
    name: 'dbt: batches are sealed by number: one that was committed late is never seen',
    file: batches,
    find: isUnsealed,
    replace: `where loaded.load_seq > (
    select coalesce(max(sealed.load_seq), 0) from {{ run_log("sealed_batches") }} as sealed
)`,
    tests: late,
  },
  {
    name: 'dbt: batches are sealed by time',
    file: batches,
    find: isUnsealed,
    replace: `where loaded.loaded_at > (
    select coalesce(max(sealed.sealed_at), timestamp '1970-01-01') from {{ run_log("sealed_batches") }} as sealed
)`,
    tests: late,
  },
  {
    name: 'dbt: of several answers the one that was loaded last wins',
    file: batches,
    find: '{{ of }}fetched_at desc, {{ of }}load_seq desc',
    replace: '{{ of }}load_seq desc, {{ of }}fetched_at desc',
    tests: late,
  },
  ...definitionMutants,
];
