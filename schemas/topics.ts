/** The topics and their records. Names are part of the wire contract: they never change meaning. */
export const topics = {
  movieIds: 'tmdb.movie-ids',
  rawMovies: 'tmdb.raw-movies',
  rawGenres: 'tmdb.raw-genres',
  deadLetters: 'tmdb.dead-letters',
} as const;

export type TopicName = (typeof topics)[keyof typeof topics];
