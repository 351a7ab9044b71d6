import { describe, expect, it } from 'vitest';
import { readKnownGenres, readKnownMovies } from '../../../producers/known-movies.ts';
import { movieIdCodec, rawGenresCodec } from '../../../schemas/codecs.ts';
import { MovieTimes } from '../../../schemas/movie-times.ts';
import { consumerRecord } from '../../support/kafka/memory-record-source.ts';
import { topics } from '../../support/kafka/topics.ts';

const now = Date.UTC(2026, 0, 1);
const minute = 60_000;

const asked = (movieId: number, at: number): Buffer =>
  movieIdCodec.encode({ movieId, reason: 'popular', page: 1, rank: 1, requestedAt: new Date(at) });

const remembered = (records: readonly { readonly value: Buffer | null; readonly key?: Buffer | null }[]) =>
  readKnownMovies(async (onRecord) => {
    for (const [offset, { value, key }] of records.entries()) onRecord(consumerRecord(offset, value, key));
  }, now);

const known = async (values: readonly (Buffer | null)[]) =>
  new Map((await remembered(values.map((value) => ({ value })))).known);

describe("the producer's memory", () => {
  it('knows when each movie was last requested, for any order of the records', async () => {
    expect(await known([asked(1, 100), asked(2, 300), asked(1, 50), asked(2, 400)])).toEqual(
      new Map([
        [1, 100],
        [2, 400],
      ]),
    );
  });

  it('continues after a tombstone and after an unreadable record', async () => {
    expect(await known([null, Buffer.from('nonsense'), asked(1, 100)])).toEqual(new Map([[1, 100]]));
  });

  it('[R78] does not count a record whose key is not its movieId', async () => {
    const records = [
      { value: asked(1, 100) },
      { value: asked(2, 100), key: Buffer.from('3') },
      { value: asked(4, 100), key: null },
      { value: asked(-7, 100) },
      { value: asked(0, 100) },
    ];
    const memory = await remembered(records);
    expect([...memory.known]).toEqual([[1, 100]]);
    expect(memory.ignored).toBe(4);
  });

  it('[R79] ignores a time in the future: the movie is fetched again', async () => {
    const [soon, late, inTenYears] = [now + 59 * minute, now + 61 * minute, now + 3652 * 24 * 60 * minute];
    const memory = await remembered([asked(1, soon), asked(2, late), asked(3, inTenYears)].map((value) => ({ value })));
    expect([...memory.known]).toEqual([[1, soon]]);
    expect(memory.ignored).toBe(2);
  });

  it('keeps the newest accepted time', async () => {
    expect(await known([asked(1, 100), asked(1, now + 61 * minute)])).toEqual(new Map([[1, 100]]));
  });

  it('has each of many movies, with its newest time', () => {
    const times = new MovieTimes();
    const expected = new Map<number, number>();
    for (let index = 0; index < 20_000; index += 1) {
      const movieId = index % 3 === 0 ? 2 ** 31 - 1 - (index % 999) : (index * 7_919) % 13_001 || 1;
      const time = (index * 31) % 5_000;
      times.add(movieId, time);
      expected.set(movieId, Math.max(expected.get(movieId) ?? 0, time));
    }
    expect(times.size).toBe(expected.size);
    expect(new Map(times)).toEqual(expected);
    for (const [movieId, time] of expected) if (times.get(movieId) !== time) expect.fail(String(movieId));
    expect(times.get(14_000)).toBe(undefined);
  });

  it('[R79] does the same for genres, by language', async () => {
    const genres = (language: string, at: number) =>
      rawGenresCodec.encode({ language, sourceUrl: 'https://x', fetchedAt: new Date(at), body: Buffer.from('{}') });
    const records = [
      { key: 'en', value: genres('en', 100) },
      { key: 'en', value: genres('en', now + 61 * minute) },
      { key: 'fr', value: genres('de', 100) },
    ];
    const read = readKnownGenres(async (onRecord) => {
      for (const [offset, { key, value }] of records.entries()) {
        onRecord({ ...consumerRecord(offset, value, Buffer.from(key)), topic: topics.rawGenres.name });
      }
    }, now);
    expect(await read).toEqual({ known: new Map([['en', 100]]), ignored: 2 });
  });
});
