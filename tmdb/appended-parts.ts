/**
 * The parts that TMDb can add to the details of a movie, within the same request. The list is short, because a model of SILVER reads
 * each of them.
 */
export const knownParts = ['release_dates', 'credits', 'keywords'] as const;
export type AppendedPart = (typeof knownParts)[number];

/** null if the text names no part. */
export const parsePart = (text: string): AppendedPart | null => knownParts.find((part) => part === text) ?? null;

/** Without duplicates and always in the same order: the same parts give the same URL. */
export const inOrder = (parts: readonly AppendedPart[]): readonly AppendedPart[] =>
  knownParts.filter((part) => parts.includes(part));

/** The path of a movie's details with these parts, below the base URL. */
export const moviePath = (movieId: number, parts: readonly AppendedPart[]): string =>
  `/movie/${movieId}${parts.length > 0 ? `?append_to_response=${parts.join(',')}` : ''}`;
