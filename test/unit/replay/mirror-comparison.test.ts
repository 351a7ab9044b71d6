import { describe, expect, it } from 'vitest';
import { MirrorComparison } from '../../../replay/mirror-comparison.ts';
import { rawMovieCodec } from '../../../schemas/codecs.ts';
import type { RawMovie } from '../../../schemas/records.ts';
import { topics } from '../../support/kafka/topics.ts';

const place = { topic: topics.rawMovies.name, partition: 0 };

const movie = (movieId: number, text = 'a'): RawMovie => ({
  movieId,
  sourceUrl: `https://api.themoviedb.org/3/movie/${movieId}`,
  httpStatus: 200,
  fetchedAt: new Date(Date.UTC(2026, 0, 1)),
  body: Buffer.from(JSON.stringify({ id: movieId, text })),
});

const record = (offset: number, of: RawMovie) => ({
  ...{ ...place, offset: BigInt(offset), timestamp: 0 },
  ...{ key: Buffer.from(String(of.movieId)), value: rawMovieCodec.encode(of) },
});

const rowOf = ({ movieId, httpStatus, sourceUrl, fetchedAt }: RawMovie) => ({
  movie_id: movieId,
  http_status: httpStatus,
  source_url: sourceUrl,
  fetched_at: fetchedAt.toISOString(),
});

/** Rows of BRONZE in memory: the movie at each offset. */
const rowsWith = (movies: ReadonlyMap<number, RawMovie>) => {
  const rows = [...movies].map(([offset, of]) => ({ offset: BigInt(offset), of }));
  return {
    between: async (_: number, from: bigint, end: bigint) =>
      new Map(
        rows
          .filter(({ offset }) => offset >= from && offset < end)
          .map(({ offset, of }) => [offset, rowOf(of)] as const),
      ),
    document: async (_: number, at: bigint) => String(rows.find(({ offset }) => offset === at)?.of.body ?? ''),
    offsetOf: async (_: number, wanted: { readonly sourceUrl: string }) =>
      rows.find(({ of }) => of.sourceUrl === wanted.sourceUrl)?.offset ?? null,
  };
};

async function compare(
  mirrored: readonly (readonly [number, RawMovie])[],
  loaded: readonly (readonly [number, RawMovie])[],
  end = 3n,
) {
  const comparison = new MirrorComparison(topics, place, { from: 0n, end }, rowsWith(new Map(loaded)));
  for (const [offset, of] of mirrored) await comparison.compare(record(offset, of));
  await comparison.finish();
  return { compared: comparison.compared, documents: comparison.documents, withoutRow: comparison.withoutRow };
}

describe('a mirrored partition', () => {
  const three = [1, 2, 3].map((movieId, offset) => [offset, movie(movieId)] as const);

  it('[R176] is the same if each record has its row', async () => {
    expect(await compare(three, three)).toEqual({ compared: 3, documents: 1, withoutRow: 0 });
  });

  it('[R176] may have more records after the end, and holes where BRONZE has no rows', async () => {
    expect(await compare([...three, [9, movie(9)]], three)).toEqual({ compared: 3, documents: 1, withoutRow: 0 });
    const [first, , third] = three;
    if (!first || !third) throw new Error('there are three');
    expect(await compare([first, third], [first, third])).toEqual({ compared: 2, documents: 1, withoutRow: 0 });
    const far = [first, [45_000, movie(7)] as const];
    expect(await compare(far, far, 60_000n)).toEqual({ compared: 2, documents: 2, withoutRow: 0 });
  });

  it.each<[string, number, RawMovie, RegExp]>([
    ['another movie', 1, movie(7), /\/0\/1: BRONZE has another record/],
    ['another id', 1, { ...movie(7), sourceUrl: movie(2).sourceUrl }, /\/0\/1: BRONZE has another record/],
    ['another address', 1, { ...movie(2), sourceUrl: movie(7).sourceUrl }, /\/0\/1: BRONZE has another record/],
    ['another status', 1, { ...movie(2), httpStatus: 410, body: Buffer.from('{"status_code":34}') }, /\/0\/1: BRONZE/],
    [
      'another time',
      1,
      { ...movie(2), fetchedAt: new Date(Date.UTC(2026, 0, 2)) },
      /\/0\/1: BRONZE has another record/,
    ],
    ['another document', 0, movie(1, 'b'), /\/0\/0: BRONZE has another document/],
    ['a record of another offset', 1, movie(3), /\/0\/1: BRONZE has this record at offset 2\. The mirror has moved/],
  ])('[R177] is not the same with %s', async (_, offset, of, reason) => {
    await expect(compare(three.with(offset, [offset, of]), three)).rejects.toThrow(reason);
  });

  it('[R185] is the same if BRONZE lacks the row of a record that was parked, and counts it', async () => {
    expect(await compare(three, three.toSpliced(1, 1))).toEqual({ compared: 2, documents: 1, withoutRow: 1 });
    const refused = [1, { ...movie(2), movieId: 0 }] as const;
    expect(await compare(three.with(1, refused), three)).toMatchObject({ compared: 2, withoutRow: 0 });
    expect(await compare(three.with(1, refused), three.toSpliced(1, 1))).toMatchObject({ compared: 2, withoutRow: 0 });
  });

  it('[R177] is not the same if it lacks a record', async () => {
    await expect(compare(three.toSpliced(1, 1), three)).rejects.toThrow(/\/0\/1: BRONZE has a row for it/);
    await expect(compare(three.slice(0, 2), three)).rejects.toThrow(/\/0\/2: BRONZE has a row for it/);
  });
});
