import { DecodeError } from '../../../schemas/codec.ts';
import { movieIdCodec, rawGenresCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import { type TopicName, topics } from '../../../schemas/topics.ts';

/** The key that our producers give a record of this value; null when they write no such value. */
export function keyOf(topic: TopicName, value: Buffer | null): Buffer | null {
  try {
    return value && Buffer.from(textOf(topic, value));
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

function textOf(topic: TopicName, value: Buffer): string {
  if (topic === topics.rawGenres) return rawGenresCodec.decode(value).language;
  const codec = topic === topics.movieIds ? movieIdCodec : rawMovieCodec;
  return String(codec.decode(value).movieId);
}
