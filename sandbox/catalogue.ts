/** A genre as `GET /genre/movie/list` names it. */
export interface Genre {
  readonly id: number;
  readonly name: string;
}

/** The movies that a sandbox serves. */
export interface Catalogue {
  /** Movies on the popular list. */
  readonly size: number;
  readonly genres: readonly Genre[];
  /** The exact bytes of a movie's details; null: there is no such movie (any more). */
  document(id: number): Buffer | null;
  /** What stands on the popular list at `rank`, 0 to size - 1. */
  listItem(rank: number): ListItem;
  /** Ids of the movies that were edited on a day (days since 1970-01-01, UTC). */
  changedOn(day: number): Iterable<number>;
  /** Only where movies are generated: newer numbers for a share of them. */
  setVersion?(version: number): void;
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

/** Details as far as the sandbox looks into them; recordings may lack or bend any of it. */
export type Details = { readonly id: number } & Readonly<Partial<Record<DetailsKey, unknown>>>;

type DetailsKey = Exclude<keyof ListItem, 'id' | 'genre_ids'> | 'genres';

/** The genres of a document that are whole: an id and a name. */
export const genresOf = ({ genres }: Details): Genre[] =>
  (Array.isArray(genres) ? genres : []).filter(
    (genre): genre is Genre => Number.isInteger(genre?.id) && typeof genre?.name === 'string',
  );

/** The list item that TMDb would show for these details. */
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
