import { avroCodec, schemaVersions } from './avro-codec.ts';
import type { DeadLetter, MovieId, ProducerState, RawGenres, RawMovie } from './records.ts';

/** One codec for each topic. A changed record needs a new file in `avro/`; existing files never change. */
export const movieIdCodec = avroCodec<MovieId>(schemaVersions('movie-id'));
export const rawMovieCodec = avroCodec<RawMovie>(schemaVersions('raw-movie'));
export const rawGenresCodec = avroCodec<RawGenres>(schemaVersions('raw-genres'));
export const producerStateCodec = avroCodec<ProducerState>(schemaVersions('producer-state'));
export const deadLetterCodec = avroCodec<DeadLetter>(schemaVersions('dead-letter'));
