import { DecodeError } from '../../../schemas/codec.ts';
import { movieIdCodec, rawGenresCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import { topics } from './topics.ts';

/** The key that our producers give a record with this value; null if they write no such value. */
export function keyOf(topic: string, value: Buffer | null): Buffer | null {
  try {
    return value && Buffer.from(textOf(topic, value));
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

function textOf(topic: string, value: Buffer): string {
  if (topic === topics.rawGenres.name) return rawGenresCodec.decode(value).language;
  const codec = topic === topics.movieIds.name ? movieIdCodec : rawMovieCodec;
  return String(codec.decode(value).movieId);
}
