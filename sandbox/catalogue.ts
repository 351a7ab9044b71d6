/** A genre in the answer of `GET /genre/movie/list`. */
export interface Genre {
  readonly id: number;
  readonly name: string;
}

/** The movies that a sandbox serves. */
export interface Catalogue {
  /** Movies on the popular list. */
  readonly size: number;
  readonly genres: readonly Genre[];
  /** The exact bytes of a movie's details; null if the movie does not exist (any more). */
  document(id: number): Buffer | null;
  /** The list item at `rank` of the popular list, 0 to size - 1. */
  listItem(rank: number): ListItem;
  /** Ids of the movies that were edited on a day (days since 1970-01-01, UTC). */
  changedOn(day: number): Iterable<number>;
  /** The lines of the daily export, in no order. */
  exported(): Iterable<ExportedMovie>;
  /** Only for a generated catalogue: newer numbers for a share of the movies. */
  setVersion?(version: number): void;
}

/** A line of the daily export of ids. */
export interface ExportedMovie {
  readonly adult: boolean;
  readonly id: number;
  readonly original_title: string;
  readonly popularity: number;
  readonly video: boolean;
}

/** An item of `GET /movie/popular`, keys in the order of 2026. */
export interface ListItem {
  readonly adult: unknown;
  readonly backdrop_path: unknown;
  readonly genre_ids: readonly number[];
  readonly id: number;
  readonly title: unknown;
  readonly original_language: unknown;
  readonly original_title: unknown;
  readonly overview: unknown;
  readonly popularity: unknown;
  readonly poster_path: unknown;
  readonly release_date: unknown;
  readonly softcore?: unknown;
  readonly video: unknown;
  readonly vote_average: unknown;
  readonly vote_count: unknown;
}

/** The fields of details that the sandbox reads; recordings may lack any of them or have other types. */
export type Details = { readonly id: number } & Readonly<Partial<Record<DetailsKey, unknown>>>;

type DetailsKey = Exclude<keyof ListItem, 'id' | 'genre_ids'> | 'genres';

/** The genres of a document that have an id and a name. */
export const genresOf = ({ genres }: Details): Genre[] =>
  (Array.isArray(genres) ? genres : []).filter(
    (genre): genre is Genre => Number.isInteger(genre?.id) && typeof genre?.name === 'string',
  );

/** TMDb's list item for these details. */
export const toListItem = (details: Details): ListItem => ({
  adult: details.adult,
  backdrop_path: details.backdrop_path,
  genre_ids: genresOf(details).map((genre) => genre.id),
  id: details.id,
  title: details.title,
  original_language: details.original_language,
  original_title: details.original_title,
  overview: details.overview,
  popularity: details.popularity,
  poster_path: details.poster_path,
  release_date: details.release_date,
  ...('softcore' in details && { softcore: details.softcore }),
  video: details.video,
  vote_average: details.vote_average,
  vote_count: details.vote_count,
});

/** TMDb's movie genres, in its order. */
export const officialGenres: readonly Genre[] = [
  { id: 28, name: 'Action' },
  { id: 12, name: 'Adventure' },
  { id: 16, name: 'Animation' },
  { id: 35, name: 'Comedy' },
  { id: 80, name: 'Crime' },
  { id: 99, name: 'Documentary' },
  { id: 18, name: 'Drama' },
  { id: 10751, name: 'Family' },
  { id: 14, name: 'Fantasy' },
  { id: 36, name: 'History' },
  { id: 27, name: 'Horror' },
  { id: 10402, name: 'Music' },
  { id: 9648, name: 'Mystery' },
  { id: 10749, name: 'Romance' },
  { id: 878, name: 'Science Fiction' },
  { id: 10770, name: 'TV Movie' },
  { id: 53, name: 'Thriller' },
  { id: 10752, name: 'War' },
  { id: 37, name: 'Western' },
];
