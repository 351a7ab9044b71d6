import type { WarehouseReader } from './warehouse.ts';

/** The newest answer of TMDb for a movie, 404 and 410 included. */
export interface NewestAnswer {
  readonly movieId: number;
  readonly ageSeconds: number;
  /** Whether it is a 404 or 410: TMDb no longer has the movie. */
  readonly isGone: boolean;
}

/** Number of rows in the result, each with the movies of one group: a million rows of one movie would take 500 MB of memory. */
const groups = 1_000;

/**
 * The newest answer of each movie in BRONZE, unordered, from one query. An answer dated more than an hour after its load has an impossible
 * time: every layer ignores it. @param now ms since the epoch.
 */
export async function* newestAnswers(reader: WarehouseReader, now: number): AsyncGenerator<NewestAnswer> {
  for (const { answers } of await reader.query(answersSql(now))) {
    for (const answer of String(answers).split(',')) yield answerOf(answer);
  }
}

/** Groups of movies by their ids, in SQL that every warehouse understands: `MOVIE AGE IS_GONE,...`. */
// mutant: discovery.newest-is-gone
const answersSql = (now: number): string => `
  with newest as (
    select movie_id,
           datediff('second', max(fetched_at), cast('${new Date(now).toISOString().slice(0, 19)}' as timestamp)) as age_seconds,
           case when max(case when http_status in (404, 410) then fetched_at end) = max(fetched_at) then 1 else 0 end as is_gone
      from bronze.raw_movies
     where movie_id > 0 and datediff('second', ingested_at, fetched_at) <= 3600
     group by movie_id
  )
  select listagg(concat(cast(movie_id as varchar), ' ', cast(age_seconds as varchar), ' ', cast(is_gone as varchar)), ',') as answers
    from newest group by movie_id % ${groups}`;

function answerOf(text: string): NewestAnswer {
  const [movieId = 0, ageSeconds = 0, isGone] = text.split(' ').map(Number);
  return { movieId, ageSeconds: Math.max(0, ageSeconds), isGone: isGone === 1 };
}
