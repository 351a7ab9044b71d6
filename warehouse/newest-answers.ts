import type { WarehouseReader } from './warehouse.ts';

/** The newest answer of TMDb for a movie, 404 and 410 included. */
export interface NewestAnswer {
  readonly movieId: number;
  readonly ageSeconds: number;
  /** Whether it is a 404 or 410: TMDb no longer has the movie. */
  readonly isGone: boolean;
}

/** Answers that one query reads: one query for a million movies would take 500 MB. */
const defaultPartRows = 40_000;

/**
 * The newest answer of each movie in BRONZE, in no order. An answer from more than an hour after its load has an impossible time: it
 * counts in no layer.
 * @param now ms since the epoch. @param partRows answers that one query reads, on average.
 */
export async function* newestAnswers(
  reader: WarehouseReader,
  now: number,
  partRows = defaultPartRows,
): AsyncGenerator<NewestAnswer> {
  const [counted] = await reader.query('select count(*) as answers from bronze.raw_movies');
  const parts = Math.ceil(Number(counted?.['answers']) / partRows);
  for (let part = 0; part < parts; part += 1) {
    for (const row of await reader.query(partSql(part, parts, now))) yield answerOf(row);
  }
}

/** A part of the movies, by their ids, in SQL that every warehouse understands. */
// mutant: discovery.newest-is-gone
const partSql = (part: number, parts: number, now: number): string => `
  select movie_id,
         datediff('second', max(fetched_at), cast('${new Date(now).toISOString().slice(0, 19)}' as timestamp)) as age_seconds,
         case when max(case when http_status in (404, 410) then fetched_at end) = max(fetched_at) then 1 else 0 end as is_gone
    from bronze.raw_movies
   where movie_id % ${parts} = ${part} and movie_id > 0 and datediff('second', ingested_at, fetched_at) <= 3600
   group by movie_id`;

const answerOf = (row: Record<string, unknown>): NewestAnswer => ({
  movieId: Number(row['movie_id']),
  ageSeconds: Math.max(0, Number(row['age_seconds'])),
  isGone: Number(row['is_gone']) === 1,
});
