import type { ConsumerRecord } from '../lib/kafka/topic.ts';
import type { RawGenresRow, RawMovieRow } from '../lib/warehouse/warehouse.ts';
import { type Codec, DecodeError } from '../schemas/codec.ts';
import type { RawGenres, RawMovie } from '../schemas/records.ts';
import { topics } from '../schemas/topics.ts';

export interface RawCodecs {
  readonly movieCodec: Codec<RawMovie>;
  readonly genresCodec: Codec<RawGenres>;
}

/** Said of a row that the warehouse refuses. */
export const noReadableJson = 'the document is no JSON that the warehouse can read';

/** A raw topic's record as a row of BRONZE, or why it can be none. */
export function toRawRow(
  { movieCodec, genresCodec }: RawCodecs,
  { topic, offset: kafkaOffset, value }: Pick<ConsumerRecord, 'topic' | 'offset' | 'value'>,
): RawMovieRow | RawGenresRow | DecodeError {
  if (value === null) return new DecodeError('the record has no value');
  try {
    const row =
      topic === topics.rawGenres
        ? { kafkaOffset, ...genresCodec.decode(value) }
        : { kafkaOffset, ...movieCodec.decode(value) };
    return isObject(row.body) ? row : new DecodeError('the document is no JSON object');
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
}

/** Whether a JSON document is an object, by its first byte that is no white space: all answers of TMDb's are. */
function isObject(document: Buffer): boolean {
  const first = document.find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  return first === '{'.charCodeAt(0);
}
