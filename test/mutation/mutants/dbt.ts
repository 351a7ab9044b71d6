import { swap } from '../change.ts';
import type { Mutant } from '../mutant.ts';

const late = {
  files: ['test/integration/dbt/incremental.test.ts'],
  only: 'committed late under a lower number',
};
const batches = 'dbt/macros/batches.sql';

const figures = {
  files: ['test/integration/dbt/definitions.test.ts'],
  only: 'marts have the rows that follow from documents of every unusual kind',
};
const names = { files: figures.files, only: 'names genres and companies without a name' };
const popularity = { files: figures.files, only: 'ranks and averages a movie by its popularity for a week' };
const wrongTypes = {
  files: ['test/integration/dbt/values.test.ts'],
  only: 'names each field and each list element with a value of a wrong type',
};
const expired = {
  files: ['test/integration/dbt/incremental.test.ts'],
  only: 'builds the same tables in steps as in a full refresh',
};
const gold = { files: figures.files, only: 'describes each movie as in its newest answer' };
const measures = 'dbt/macros/counted_movies.sql';
const features = 'dbt/models/gold/fact_released_features.sql';

/** Each definition of the movies that figures count, broken, so that a movie of the wrong kind determines a figure. */
const definitionMutants: readonly Mutant[] = [
  {
    name: 'dbt: a movie whose newest answer has expired stays in GOLD',
    file: 'dbt/models/silver/silver_movies.sql',
    place: 'purge.leaves-gold',
    change: swap('coalesce(is_expired, false) as is_deleted', 'false as is_deleted'),
    tests: expired,
  },
  {
    name: 'figures: a budget of any size counts',
    file: measures,
    place: 'figures.known-money',
    change: swap(/budget_usd >= .*\}\}/, 'budget_usd > 0'),
    tests: figures,
  },
  {
    name: 'figures: a revenue of any size counts',
    file: measures,
    place: 'figures.known-money',
    change: swap(/revenue_usd >= .*\}\}/, 'revenue_usd > 0'),
    tests: figures,
  },
  {
    name: 'figures: a budget above any real one counts',
    file: measures,
    place: 'figures.known-money',
    change: swap(/budget_usd <= .*\}\}/, 'budget_usd > 0'),
    tests: figures,
  },
  {
    name: 'figures: money counts without votes',
    file: measures,
    place: 'figures.known-money',
    change: swap(/vote_count >= .*\}\}/, 'vote_count >= 0'),
    tests: figures,
  },
  ...['adult', 'video', 'softcore'].map(
    (mark): Mutant => ({
      name: `figures: movies marked as ${mark} count`,
      file: measures,
      place: 'figures.released-feature',
      change: swap(`and not coalesce({{ movies }}.${mark}, false)`, ''),
      tests: figures,
    }),
  ),
  {
    name: 'figures: the marts count every movie',
    file: features,
    place: 'figures.counted-movies',
    change: swap(/where features\.is_released_feature/, ''),
    tests: figures,
  },
  {
    name: 'figures: a release date in the future counts as released',
    file: measures,
    place: 'figures.released',
    change: swap(/release_date <= .*/, 'release_date is not null'),
    tests: figures,
  },
  {
    name: 'figures: amounts that are not known count',
    file: features,
    place: 'figures.known-amounts',
    change: swap('case when features.is_money_known then features.{{ amount }} end', 'features.{{ amount }}'),
    tests: figures,
  },
  {
    name: 'figures: the list by rating ranks the mean vote',
    file: 'dbt/models/gold/kpi_top_movies.sql',
    place: 'figures.metrics',
    change: swap('"weighted_rating"', '"vote_average"'),
    tests: figures,
  },
  {
    name: 'figures: the list by rating ranks movies with few votes',
    file: 'dbt/models/gold/kpi_top_movies.sql',
    place: 'figures.metrics',
    change: swap('"vote_count >= " ~ var("rating_vote_floor")', '"true"'),
    tests: figures,
  },
  {
    name: 'figures: a rating is not weighted by the votes of all movies',
    file: measures,
    place: 'figures.weighted-rating',
    change: swap(/\+ cast.*as double/, 'as double'),
    tests: figures,
  },
  {
    name: 'figures: the newest year is complete',
    file: 'dbt/models/gold/kpi_yearly_trends.sql',
    place: 'figures.complete-year',
    change: swap('< newest.answered_in', '<= newest.answered_in'),
    tests: figures,
  },
  {
    name: 'figures: a year is compared with the next one',
    file: 'dbt/models/gold/kpi_yearly_trends.sql',
    place: 'figures.previous-year',
    change: swap('previous.release_year + 1', 'previous.release_year - 1'),
    tests: figures,
  },
  {
    name: 'figures: the median is the mean',
    file: 'dbt/macros/movie_measures.sql',
    place: 'figures.quantile',
    change: swap(/percentile_cont.*double\)\)/, 'avg(known_revenue_usd)'),
    tests: figures,
  },
  {
    name: 'figures: a popularity of any age counts',
    file: features,
    place: 'figures.current-popularity',
    change: swap('then features.popularity', 'then features.popularity else features.popularity'),
    tests: popularity,
  },
  {
    name: 'names: an empty title hides the original one',
    file: 'dbt/macros/values.sql',
    place: 'names.title',
    change: swap('.original_title', '.title'),
    tests: figures,
  },
  {
    name: 'names: white space counts as a title',
    file: 'dbt/macros/values.sql',
    place: 'names.visible',
    change: swap(/regexp_matches\(.*\)/, "trim({{ text }}, ' ') <> ''"),
    tests: figures,
  },
  {
    name: 'names: the newest mention determines the name of a genre, even if it has none',
    file: 'dbt/macros/movie_lists.sql',
    place: 'names.genre',
    change: swap(/case when .*? end/, 'cast(null as timestamp)'),
    tests: names,
  },
  {
    name: 'names: the newest mention determines the name of a company, even if it has none',
    file: 'dbt/models/silver/silver_production_companies.sql',
    place: 'names.company',
    change: swap(/case when .*? end/, '0'),
    tests: names,
  },
  {
    name: 'names: a list without a usable genre counts as the newest list',
    file: 'dbt/models/silver/silver_genres.sql',
    place: 'names.newest-list',
    change: swap(/\(select min.*\)/, '1'),
    tests: { files: ['test/integration/dbt/definitions.test.ts'], only: 'names genres' },
  },
  {
    name: 'types: a value that should be a list is not reported',
    file: 'dbt/macros/json.sql',
    place: 'types.other-than-list',
    change: swap(/\{\{ value \}\} <> .*/, 'false'),
    tests: wrongTypes,
  },
  {
    name: 'types: values that are not text are read as text',
    file: 'dbt/macros/json.sql',
    place: 'types.other-than-text',
    change: swap("= 'VARCHAR'", "<> ''"),
    tests: wrongTypes,
  },
  {
    name: 'types: an element without an id is not reported',
    file: 'dbt/macros/unusable_fields.sql',
    place: 'types.usable-element',
    change: swap(/\{\{ member_id\(.*is null/, 'false'),
    tests: wrongTypes,
  },
  {
    name: 'doubles: two movies with one IMDb id cause no warning',
    file: 'dbt/tests/imdb_ids_are_unique.sql',
    place: 'doubles.imdb-ids',
    change: swap('> 1', '> 9'),
    tests: { files: figures.files, only: 'warns about two movies with one IMDb id' },
  },
];

/** The tables and views of GOLD beside the figures, each broken once. */
const goldMutants: readonly Mutant[] = [
  {
    name: 'gold: a deleted movie stays in dim_movies',
    file: 'dbt/models/gold/dim_movies.sql',
    place: 'gold.deleted-from-movies',
    change: swap('case when not movies.is_deleted then', 'case when true then'),
    tests: gold,
  },
  {
    name: 'gold: a movie is described as of its first answer',
    file: 'dbt/models/gold/dim_movies.sql',
    place: 'gold.answered-at',
    change: swap('movies._document_fetched_at', 'movies.first_seen_at'),
    tests: gold,
  },
  {
    name: 'gold: a deleted movie stays in the bridges',
    file: 'dbt/macros/movie_lists.sql',
    place: 'gold.deleted-from-bridges',
    change: swap('case when not is_deleted then', 'case when true then'),
    tests: gold,
  },
  {
    name: 'gold: a movie without members is not in the bridge',
    file: 'dbt/macros/movie_lists.sql',
    place: 'gold.unknown-member',
    change: swap('left join', 'inner join'),
    tests: gold,
  },
  {
    name: 'gold: the view of a metric has the lists of all metrics',
    file: 'dbt/macros/top_movies.sql',
    place: 'gold.one-metric',
    change: swap(/metric = .*/, 'metric is not null'),
    tests: { files: figures.files, only: 'shows the list of each metric in a view of its own' },
  },
];

const history = {
  files: ['test/integration/dbt/history.test.ts'],
  only: 'equal an independent computation after each batch',
};

/** The history of a movie is a function of all its answers. */
const historyMutants: readonly Mutant[] = [
  {
    name: 'history: of two answers at one moment, the earlier batch counts',
    file: 'dbt/models/silver/silver_movie_observations.sql',
    place: 'history.one-moment',
    change: swap('order by {{ newest_first(prefix="_") }}', 'order by _load_seq asc, _kafka_offset asc'),
    tests: history,
  },
  {
    name: 'history: an expired answer stays an observation',
    file: 'dbt/models/silver/silver_movie_observations.sql',
    place: 'history.expired',
    change: swap('not changed_moments.is_expired', 'true'),
    tests: history,
  },
  {
    name: 'history: a deleted movie loses its values',
    file: 'dbt/models/silver/silver_movie_history.sql',
    place: 'history.deleted-values',
    change: swap('partition by movie_id, document_number', 'partition by movie_id, is_deleted, document_number'),
    tests: history,
  },
  {
    name: 'history: a version ends with the movie',
    file: 'dbt/models/silver/silver_movie_history.sql',
    place: 'history.valid-to',
    change: swap('lead(_fetched_at) over ({{ in_time }})', 'max(_fetched_at) over (partition by movie_id)'),
    tests: history,
  },
  {
    name: 'history: a day has the values of its first answer',
    file: 'dbt/models/gold/fact_movie_daily.sql',
    place: 'history.last-of-day',
    change: swap('order by _fetched_at desc', 'order by _fetched_at asc'),
    tests: history,
  },
  {
    name: 'history: a gain counts the day before its span',
    file: 'dbt/models/gold/kpi_movers.sql',
    place: 'history.span',
    change: swap("'{{ span }} days'", "'{{ span + 1 }} days'"),
    tests: history,
  },
];

/** SILVER is the newest answer, regardless of the order of the batches. */
export const dbtMutants: readonly Mutant[] = [
  {
    name: 'dbt: batches are sealed by number, so a batch that is committed late is never sealed',
    file: batches,
    place: 'dbt.seal',
    change: swap(
      /where not exists \([\s\S]*\n\)/,
      `where loaded.load_seq > (
    select coalesce(max(sealed.load_seq), 0) from {{ run_log("sealed_batches") }} as sealed
)`,
    ),
    tests: late,
  },
  {
    name: 'dbt: batches are sealed by time',
    file: batches,
    place: 'dbt.seal',
    change: swap(
      /where not exists \([\s\S]*\n\)/,
      `where loaded.loaded_at > (
    select coalesce(max(sealed.sealed_at), timestamp '1970-01-01') from {{ run_log("sealed_batches") }} as sealed
)`,
    ),
    tests: late,
  },
  {
    name: 'dbt: the answer that was loaded last wins',
    file: batches,
    place: 'dbt.newest-first',
    change: swap('{{ of }}fetched_at desc, {{ of }}load_seq desc', '{{ of }}load_seq desc, {{ of }}fetched_at desc'),
    tests: late,
  },
  ...definitionMutants,
  ...goldMutants,
  ...historyMutants,
];
