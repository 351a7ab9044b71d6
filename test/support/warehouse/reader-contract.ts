import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type NewestAnswer, newestAnswers } from '../../../warehouse/newest-answers.ts';
import type { RawMovieRow, Warehouse, WarehouseReader } from '../../../warehouse/warehouse.ts';

/** A warehouse for one test, and its reader. */
export interface ReaderFixture {
  readonly warehouse: Warehouse;
  /** Opens a reader, after `warehouse` is closed. */
  openReader(): Promise<WarehouseReader>;
  close(): Promise<void>;
}

const now = Date.UTC(2026, 5, 1);
const second = 1_000;
const hour = 3_600 * second;

type Answered = readonly [movieId: number, agoMs: number, httpStatus?: number];

const rowOf = ([movieId, agoMs, httpStatus = 200]: Answered, offset: number): RawMovieRow => ({
  ...{ kafkaOffset: BigInt(offset), movieId, httpStatus, body: Buffer.from('{}') },
  sourceUrl: `https://api.themoviedb.org/3/movie/${movieId}`,
  fetchedAt: new Date(now - agoMs),
});

/** What every warehouse answers about the newest answers. Each implementation runs these same tests. */
export function readerContract(name: string, open: () => Promise<ReaderFixture>): void {
  describe(`${name}: the newest answers`, () => {
    let fixture: ReaderFixture;
    beforeEach(async () => {
      fixture = await open();
    });
    afterEach(() => fixture.close());

    async function answersOf(answers: readonly Answered[]): Promise<NewestAnswer[]> {
      await fixture.warehouse.migrate();
      if (answers.length > 0) {
        const partition = { clusterId: 'cluster', topic: 'tmdb.raw-movies', topicId: 'topic', partition: 0 };
        await fixture.warehouse.append([
          {
            table: 'raw_movies',
            partition,
            firstOffset: 0n,
            nextOffset: BigInt(answers.length),
            rows: answers.map(rowOf),
          },
        ]);
      }
      await using reader = await fixture.openReader();
      const found = await Array.fromAsync(newestAnswers(reader, now));
      return found.toSorted((a, b) => a.movieId - b.movieId);
    }

    it('[P24] are one for each movie, and a movie without a document is gone', async () => {
      const answers: Answered[] = [
        ...([
          [9, 5 * second],
          [3, 10 * second, 410],
          [3, 90 * second],
        ] as const),
        ...([
          [7, 20 * second],
          [7, 30 * second, 404],
          [2_000_000_000, 40 * second],
        ] as const),
      ];
      expect(await answersOf(answers)).toEqual([
        { movieId: 3, ageSeconds: 10, isGone: true },
        { movieId: 7, ageSeconds: 20, isGone: false },
        { movieId: 9, ageSeconds: 5, isGone: false },
        { movieId: 2_000_000_000, ageSeconds: 40, isGone: false },
      ]);
    });

    it('are read once for each movie, even if movies share a group', async () => {
      const answers = [5, 1_005, 4, 2_005, 3, 1_005, 5].map((id, index): Answered => [id, (index + 1) * second]);
      expect(await answersOf(answers)).toEqual(
        [3, 4, 5, 1_005, 2_005].map((movieId) => ({
          movieId,
          ageSeconds: [5, 1_005, 4, 2_005, 3].indexOf(movieId) + 1,
          isGone: false,
        })),
      );
    });

    it('have no age below 0, and ignore answers from long after their load', async () => {
      const loadedAt = Date.now();
      const answers: Answered[] = [
        [1, hour],
        [1, now - loadedAt - 30 * 24 * hour],
        [2, now - loadedAt - 30 * 24 * hour],
      ];
      expect(await answersOf(answers)).toEqual([{ movieId: 1, ageSeconds: 3_600, isGone: false }]);
    });

    it('of an empty BRONZE are none', async () => {
      expect(await answersOf([])).toEqual([]);
    });
  });
}
