/** Names of the topics without their prefix. They are wire contract: they never change meaning. */
export const topicNames = {
  movieIds: 'tmdb.movie-ids',
  rawMovies: 'tmdb.raw-movies',
  rawGenres: 'tmdb.raw-genres',
  deadLetters: 'tmdb.dead-letters',
} as const;
