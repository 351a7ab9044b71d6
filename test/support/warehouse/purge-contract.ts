import { afterEach, beforeEach, describe, expect, it, type TestOptions } from 'vitest';
import { expiredDocument, type Purge } from '../../../warehouse/expiry.ts';
import type { Batch, RawMovieRow, Rebuild } from '../../../warehouse/warehouse.ts';

/** A purge and the warehouse that it changes. */
export interface PurgeUnderTest {
  readonly purge: Purge;
  /** Appends each batch in a transaction of its own, to BRONZE or to an unfinished rebuild. */
  load(batches: readonly Batch[], to?: 'bronze' | 'rebuild'): Promise<void>;
  /** A rebuild that keeps the documents of answers for this time (ms). */
  openRebuild(retentionMs: number): Promise<Rebuild>;
  /** Rows with column names in lower case. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** The text of a document in SQL. */
  readonly documentSql: string;
  close(): Promise<void>;
}

const dayMs = 86_400_000;
export const day = (number: number) => new Date(Date.UTC(2026, 0, 1) + number * dayMs);
const partition = { clusterId: 'cluster-a', topic: 'tmdb.raw-movies', topicId: 'topic-1', partition: 0 };
const document = (offset: bigint) => JSON.stringify({ id: Number(offset) + 1, title: `of ${offset}` });

const row = (offset: bigint, answeredOn: number, documentOf: (offset: bigint) => string): RawMovieRow => ({
  kafkaOffset: offset,
  movieId: Number(offset) + 1,
  body: Buffer.from(documentOf(offset)),
  sourceUrl: `https://api.themoviedb.org/3/movie/${offset + 1n}`,
  httpStatus: 200,
  fetchedAt: day(answeredOn),
  ...(offset % 2n === 0n && { request: { requestedAt: day(answeredOn - 1), reason: 'aged' } }),
});

/** Consecutive offsets from `first`, one for each entry of `days`. @param documentOf the document at an offset. */
export const batch = (first: bigint, days: readonly number[], documentOf = document): Batch => ({
  table: 'raw_movies',
  partition,
  firstOffset: first,
  nextOffset: first + BigInt(days.length),
  rows: days.map((answeredOn, index) => row(first + BigInt(index), answeredOn, documentOf)),
});
export const genres: Batch = {
  table: 'raw_genres',
  partition: { ...partition, topic: 'tmdb.raw-genres' },
  firstOffset: 0n,
  nextOffset: 1n,
  rows: [{ kafkaOffset: 0n, language: 'en', body: Buffer.from('{"genres":[]}'), sourceUrl: '', fetchedAt: day(1) }],
};

/** @param others of all tests but the first. */
export function purgeContract(name: string, open: () => Promise<PurgeUnderTest>, others: TestOptions = {}): void {
  describe(`a purge of ${name}`, () => {
    let under: PurgeUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(() => under.close());

    const purgeAll = async (before: Date) => {
      const blanked: number[] = [];
      for (let rows = 1; rows > 0; ) {
        rows = await under.purge.blankNext(before);
        blanked.push(rows);
      }
      return blanked.slice(0, -1);
    };
    const columns =
      'movie_id, source_url, ingested_at, batch_id, kafka_partition, kafka_offset, http_status, fetched_at, requested_at, reason, traceparent';
    const rowsOf = (prefix = '') =>
      under.query(`select ${columns} from bronze.${prefix}raw_movies order by kafka_offset`);
    const blankOffsets = async (prefix = '') => {
      const rows = await under.query(
        `select kafka_offset from bronze.${prefix}raw_movies where ${under.documentSql} = '${expiredDocument}' order by kafka_offset`,
      );
      return rows.map(({ kafka_offset }) => Number(kafka_offset));
    };

    it('[P25] replaces the documents from before its limit, keeps all else of their rows, and gives their batches new numbers', async () => {
      await under.load([batch(0n, [1, 9, 2]), batch(3n, [8, 9]), batch(5n, [3])]);
      const rows = await rowsOf();
      expect(await under.purge.expired(day(5))).toMatchObject({ rows: 3, movies: 3 });
      expect(await purgeAll(day(5))).toEqual([3]);
      expect(await blankOffsets()).toEqual([0, 2, 5]);
      expect(await rowsOf()).toEqual(rows);
      expect(await under.purge.expired(day(5))).toMatchObject({ rows: 0, movies: 0, bytes: 0 });
      const lines = await under.query(
        'select load_seq, batch_id, row_count from bronze.load_batches order by load_seq',
      );
      expect(lines.map((line) => [Number(line['load_seq']), line['batch_id'], Number(line['row_count'])])).toEqual([
        [2, 'cluster-a/tmdb.raw-movies/topic-1/0/3-4', 2],
        [4, 'cluster-a/tmdb.raw-movies/topic-1/0/0-2', 3],
        [5, 'cluster-a/tmdb.raw-movies/topic-1/0/5-5', 1],
      ]);
      expect(
        await under.query(`select raw.kafka_offset from bronze.raw_movies as raw left join bronze.load_batches as lines
            on raw.load_seq = lines.load_seq and raw.batch_id = lines.batch_id where lines.batch_id is null`),
      ).toEqual([]);
    });

    it('[P25] records its limit, and is unfinished until a build after it has ended', others, async () => {
      expect(await under.purge.isUnfinished()).toBe(false);
      await under.load([batch(0n, [1]), genres]);
      expect(await purgeAll(day(5))).toEqual([1, 1]);
      expect(await under.purge.isUnfinished()).toBe(true);
      await under.purge.finish(new Date(Date.now() - dayMs));
      expect(await under.purge.isUnfinished()).toBe(true);
      await under.purge.finish(new Date(Date.now() + dayMs));
      expect(await under.purge.isUnfinished()).toBe(false);
      const purges = await under.query(
        'select cast(purged_before as varchar) as before, finished_at is null as is_open from bronze.purges',
      );
      expect(purges).toEqual([{ before: expect.stringMatching(/^2026-01-06 00:00:00/), is_open: false }]);
      expect(await purgeAll(day(5))).toEqual([]);
    });

    it('[P25] is unfinished if it has replaced documents since that build began', others, async () => {
      await under.load([batch(0n, [1])]);
      expect(await under.purge.blankNext(day(5))).toBe(1);
      const buildBegan = await under.purge.now();
      await under.load([batch(1n, [2])]);
      expect(await purgeAll(day(4))).toEqual([1]);
      await under.purge.finish(buildBegan);
      expect(await under.purge.isUnfinished()).toBe(true);
      await under.purge.finish(await under.purge.now());
      expect(await under.purge.isUnfinished()).toBe(false);
    });

    it(
      '[R150] replaces a document whose batch is not in the ledger, and leaves the ledger as it is',
      others,
      async () => {
        await under.load([batch(0n, [1]), batch(1n, [2])]);
        await under.query('delete from bronze.load_batches where first_offset = 0');
        expect(await under.purge.expired(day(5))).toMatchObject({ rows: 2 });
        expect(await purgeAll(day(5))).toEqual([2]);
        expect(await blankOffsets()).toEqual([0, 1]);
        expect(await under.query('select batch_id from bronze.load_batches')).toHaveLength(1);
      },
    );

    it(
      '[R151] is unfinished after a rebuild whose records have expired meanwhile, whatever was built before it',
      others,
      async () => {
        await under.load([batch(0n, [1, 9])]);
        await using rebuild = await under.openRebuild(Date.now() - day(5).getTime());
        await rebuild.migrate();
        await rebuild.append([batch(0n, [1, 9])]);
        // The limit explains the row without a document, which was never stored.
        expect(await under.query('select finished_at is null as is_open from bronze.purges')).toEqual([
          { is_open: false },
        ]);
        await under.purge.finish(await under.purge.now());
        expect(await under.purge.isUnfinished()).toBe(false);
        expect(await rebuild.promote()).toMatchObject({ same: 1, corrected: 1 });
        expect(await under.purge.expired(day(5))).toMatchObject({ rows: 0 });
        expect(await under.purge.isUnfinished()).toBe(true);
        await under.purge.finish(await under.purge.now());
        expect(await under.purge.isUnfinished()).toBe(false);
      },
    );

    it(
      '[R150] leaves the ledger so that the loader continues, and a later limit finds what an earlier one has left',
      others,
      async () => {
        await under.load([batch(0n, [1, 3])]);
        expect(await purgeAll(day(2))).toEqual([1]);
        await under.load([batch(2n, [4])]);
        expect(await purgeAll(day(5))).toEqual([2]);
        expect(await blankOffsets()).toEqual([0, 1, 2]);
        const [line] = await under.query(`select payload_bytes from bronze.load_batches where first_offset = 0`);
        // A warehouse that does not keep the bytes of a document estimates them.
        expect(Math.abs(Number(line?.['payload_bytes']) - 2 * expiredDocument.length)).toBeLessThan(10);
      },
    );

    it('[R151] replaces the documents of a rebuild that was never finished', others, async () => {
      await under.load([batch(0n, [9])]);
      await under.load([batch(0n, [1, 9])], 'rebuild');
      expect(await under.purge.expired(day(5))).toMatchObject({ rows: 1 });
      expect(await purgeAll(day(5))).toEqual([1]);
      expect([await blankOffsets(), await blankOffsets('rebuild_')]).toEqual([[], [0]]);
    });
  });
}
