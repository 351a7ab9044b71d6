import { z } from 'zod';
import { orNull } from '../runtime/or-null.ts';

/**
 * The few fields of TMDb's answers that the pipeline uses; all others stay unread in the raw bytes.
 * Nothing else is checked, because new keys appear without notice and a bad element must not affect its neighbours.
 */
const id = z.int32().positive();

export const MovieAnswer = z.looseObject({ id });

/** An item of a list that names a movie. */
export interface ListedMovie {
  readonly movieId: number;
  /** Its position on the page, from 1; unusable items count as well. */
  readonly rank: number;
  /** Whether the list marks it as adult; a list may not know it yet. */
  readonly isAdult: boolean;
}

/** The last page of any list of movies: TMDb refuses those beyond. */
export const lastPage = 500;

/** One page of a list of movies. */
export interface MoviePage {
  readonly movies: readonly ListedMovie[];
  /** Items on the page, usable or not. */
  readonly listed: number;
  /** Pages of the whole list as this page states it; null if it states no plausible number. */
  readonly totalPages: number | null;
}

/** The genre list. dbt reads its rows from BRONZE; here they are only counted. */
export interface GenreList {
  readonly listed: number;
  /** Rows without an id or without a name. */
  readonly unusable: number;
}

/**
 * Reads page number `page` of a list of movies. An item without a usable id is omitted, but counted in `listed`.
 * A total is not plausible if it is smaller than the number of a page with items.
 * @returns null if there is no list of results.
 */
export function readMoviePage(body: unknown, page: number): MoviePage | null {
  const results = fieldOf(body, 'results');
  if (!Array.isArray(results)) return null;
  const movies = results.flatMap((item, index) => {
    const movieId = idOf(item);
    return movieId === null ? [] : [{ movieId, rank: index + 1, isAdult: fieldOf(item, 'adult') === true }]; // mutant: producer.bad-item
  });
  const total = fieldOf(body, 'total_pages');
  const isPossible = Number.isInteger(total) && Number(total) >= (results.length > 0 ? page : 0);
  return { movies, listed: results.length, totalPages: isPossible ? Number(total) : null }; // mutant: producer.possible-total
}

/** The movie that a line of the daily export names; null if it names none. */
export const readExportLine = (line: Buffer): number | null => orNull(() => idOf(JSON.parse(line.toString())));

/** @returns null if there is no list of genres, or an empty one: TMDb always has genres. */
export function readGenreList(body: unknown): GenreList | null {
  const genres = fieldOf(body, 'genres');
  if (!Array.isArray(genres) || genres.length === 0) return null;
  const isUsable = (row: unknown) => {
    const name = fieldOf(row, 'name');
    return idOf(row) !== null && typeof name === 'string' && name.trim() !== '';
  };
  return { listed: genres.length, unusable: genres.filter((row) => !isUsable(row)).length };
}

/** An id is a JSON number from 1 to 2,147,483,647. A string of digits is not an id: its meaning would be a guess. */
function idOf(item: unknown): number | null {
  const parsed = id.safeParse(fieldOf(item, 'id'));
  return parsed.success ? parsed.data : null;
}

const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as never)[key] : undefined;
