import type { ProducerRecord } from '../kafka/topic.ts';
import { headersOf, newTraceparent } from '../schemas/movie-request.ts';
import type { MovieId } from '../schemas/records.ts';

/** The record that asks for a movie, with a trace of its own. Its key is the id, so that compaction keeps the newest request. */
export const idRecord = (value: MovieId): ProducerRecord<MovieId> => ({
  key: String(value.movieId),
  value,
  headers: headersOf({ traceparent: newTraceparent() }),
});
