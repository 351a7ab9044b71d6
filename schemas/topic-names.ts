/** Names of the topics without their prefix. They are wire contract: they never change meaning. */
export const topicNames = {
  movieIds: 'tmdb.movie-ids',
  movieIdsBackfill: 'tmdb.movie-ids-backfill',
  rawMovies: 'tmdb.raw-movies',
  rawGenres: 'tmdb.raw-genres',
  producerState: 'tmdb.producer-state',
  deadLetters: 'tmdb.dead-letters',
} as const;
