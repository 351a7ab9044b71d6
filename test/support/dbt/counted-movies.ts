import type { CountedMovie } from '../audit/marts.ts';
import type { MovieRecord } from './warehouse-file.ts';

const startOf2026 = BigInt(Date.parse('2026-01-01')) * 1_000n;

/** Whether a text has a visible character; the letters of these tests are ASCII or Arabic. */
export const visibleText = (value: unknown): string | null =>
  typeof value === 'string' && /[!-~\u0600-\u06ff]/.test(value) ? value : null;

const amount = (value: unknown): bigint | null => (Number(value) > 0 ? BigInt(value as number) : null);

const day = (value: unknown): string | null => (typeof value === 'string' && /^\d{4}-/.test(value) ? value : null);

/** In TMDb's order, each once, without elements that have no usable id. */
function genresOf(value: unknown): number[] {
  const ids = (Array.isArray(value) ? value : []).map((element: { id?: unknown } | null) => Number(element?.id ?? 0));
  return [...new Set(ids.filter((id) => id > 0))];
}

/** The expected movie of the marts, read from the document without any SQL. */
export function countedMovie({ movieId, body, fetchedAt }: MovieRecord): CountedMovie {
  const document = (typeof body === 'string' ? JSON.parse(body) : body) as Record<string, unknown>;
  const answeredAt = startOf2026 + BigInt(fetchedAt) * 1_000_000n;
  const answeredOn = new Date(Number(answeredAt / 1_000n)).toISOString().slice(0, 10);
  const released = day(document['release_date']);
  const isMarked = [document['adult'], document['video'], document['softcore']].includes(true);
  const votes = document['vote_count'] as number;
  const average = document['vote_average'] as number;
  return {
    movieId,
    answeredAt,
    genreIds: genresOf(document['genres']),
    isReleasedFeature: document['status'] === 'Released' && (released ?? '') <= answeredOn && !isMarked,
    budget: amount(document['budget']),
    revenue: amount(document['revenue']),
    voteAverage: votes > 0 && average > 0 ? average : null,
    voteCount: votes,
    popularity: document['popularity'] as number,
    releaseYear: released === null ? null : Number(released.slice(0, 4)),
  };
}
