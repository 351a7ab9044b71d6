import { describe, expect, it } from 'vitest';
import { readKnownMovies } from '../../../producers/known-movies.ts';
import { movieIdCodec } from '../../../schemas/codecs.ts';
import { consumerRecord } from '../../support/memory-record-source.ts';

const asked = (movieId: number, at: number): Buffer =>
  movieIdCodec.encode({ movieId, reason: 'popular', page: 1, rank: 1, requestedAt: new Date(at) });

const known = (values: readonly (Buffer | null)[]) =>
  readKnownMovies(async (onRecord) => {
    for (const [offset, value] of values.entries()) onRecord(consumerRecord(offset, value));
  }, movieIdCodec);

describe("the producer's memory", () => {
  it('knows when each movie was last asked for, whatever order the records are in', async () => {
    expect(await known([asked(1, 100), asked(2, 300), asked(1, 50), asked(2, 400)])).toEqual(
      new Map([
        [1, 100],
        [2, 400],
      ]),
    );
  });

  it('is not stopped by a tombstone or by a record that nobody can read', async () => {
    expect(await known([null, Buffer.from('nonsense'), asked(1, 100)])).toEqual(new Map([[1, 100]]));
  });
});
