import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MovieRequest } from '../../../schemas/movie-request.ts';
import type { Adoption } from '../../../warehouse/adoption.ts';
import type { Backfill, Batch, PartitionId, Rebuild, SwapReport, Warehouse } from '../../../warehouse/warehouse.ts';

/** A warehouse for one test, with openers for everything that uses BRONZE, and queries for the test itself. */
export interface ReplayFixture {
  openLoader(): Promise<Warehouse>;
  openRebuild(): Promise<Rebuild>;
  openBackfill(name: string): Promise<Backfill>;
  adopt(adoptions: readonly Adoption[]): Promise<void>;
  /** Queries without the interface. Columns have names in lower case; integers have the driver's type. */
  sql(text: string): Promise<Record<string, unknown>[]>;
  /** SQL that parses a document from its text. */
  document(text: string): string;
  /** SQL that returns the text of a document. */
  textOf(document: string): string;
  close(): Promise<void>;
}

export const topic = { clusterId: 'cluster', topic: 'tmdb.raw-movies', topicId: 'topic' };

export const partition = (number = 0, topicId = topic.topicId): PartitionId => ({
  ...topic,
  topicId,
  partition: number,
});

/** The records of the topic with the offsets `[first, next)`, one row each. */
export const batch = (first: number, next: number, where = partition()) =>
  ({
    table: 'raw_movies',
    partition: where,
    firstOffset: BigInt(first),
    nextOffset: BigInt(next),
    rows: Array.from({ length: next - first }, (_, index) => ({
      kafkaOffset: BigInt(first + index),
      movieId: first + index,
      body: Buffer.from(`{"id":${first + index}}`),
      sourceUrl: 'https://api.themoviedb.org/3/movie/1',
      httpStatus: 200,
      fetchedAt: new Date(Date.UTC(2026, 0, 1)),
    })),
  }) satisfies Batch;

/** One that is complete, and one of which only the time is known. */
const requests: readonly MovieRequest[] = [
  {
    requestedAt: new Date(Date.UTC(2025, 11, 31, 23, 59, 59, 123)),
    reason: 'popular',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  },
  { requestedAt: new Date(Date.UTC(2025, 11, 30)) },
];

const requestsOf = (fixture: ReplayFixture) =>
  fixture.sql(`select kafka_offset, requested_at, reason, traceparent from bronze.raw_movies order by kafka_offset`);

/** The record at `offset` again, at the end of the topic, as a redrive writes it. */
const sentBack = (offset: number, at: number, where = partition()) => {
  const rows = batch(offset, offset + 1).rows.map((row) => ({
    ...row,
    kafkaOffset: BigInt(at),
    isSentBack: true as const,
  }));
  return { ...batch(at, at + 1, where), rows };
};

const genres = (offset: number, name: string): Batch => ({
  table: 'raw_genres',
  partition: { ...partition(), topic: 'tmdb.raw-genres', topicId: 'genres' },
  firstOffset: BigInt(offset),
  nextOffset: BigInt(offset + 1),
  rows: [
    {
      kafkaOffset: BigInt(offset),
      language: 'en',
      body: Buffer.from(`{"genres":[{"id":28,"name":"${name}"}]}`),
      sourceUrl: 'https://api.themoviedb.org/3/genre/movie/list',
      fetchedAt: new Date(Date.UTC(2026, 0, 1 + offset)),
    },
  ],
});

export async function load(fixture: ReplayFixture, ...batches: Batch[]): Promise<void> {
  await using warehouse = await fixture.openLoader();
  await warehouse.migrate();
  for (const one of batches) await warehouse.append([one]);
}

/** Fills a rebuild, or resumes it. */
export async function fill(fixture: ReplayFixture, ...batches: Batch[]): Promise<void> {
  await using warehouse = await fixture.openRebuild();
  await warehouse.migrate();
  for (const one of batches) await warehouse.append([one]);
}

export async function promote(fixture: ReplayFixture): Promise<SwapReport> {
  await using warehouse = await fixture.openRebuild();
  return await warehouse.promote();
}

export async function offsets(fixture: ReplayFixture, where = '1 = 1'): Promise<number[]> {
  const rows = await fixture.sql(`select kafka_offset from bronze.raw_movies where ${where} order by kafka_offset`);
  return rows.map((row) => Number(row['kafka_offset']));
}

/** The tables of replays beside those of BRONZE. */
export const tablesBeside = async (fixture: ReplayFixture): Promise<string[]> => {
  const rows = await fixture.sql(`
    select lower(table_name) as name from information_schema.tables
     where lower(table_schema) = 'bronze' and (lower(table_name) like 'rebuild%' or lower(table_name) like 'replay%')`);
  return rows.map(({ name }) => String(name));
};

/** Checks the ledger: each line has one row for each of its offsets, no row is without a line, no number occurs twice. */
export async function expectLedgerAndRowsToAgree(fixture: ReplayFixture): Promise<void> {
  const rows = ['raw_movies', 'raw_genres'].map(
    (table) =>
      `select batch_id, load_seq, kafka_offset, length(${fixture.textOf('raw_data')}) as bytes from bronze.${table}`,
  );
  const [found = {}] = await fixture.sql(`
    with per_batch as (
      select batch_id, load_seq, count(*) as row_count, sum(bytes) as bytes, min(kafka_offset) as low, max(kafka_offset) as high
        from (${rows.join(' union all ')}) as raw
       group by batch_id, load_seq
    )
    select sum(case when per_batch.batch_id is null and batches.row_count > 0 then 1 else 0 end) as lines_without_rows,
           sum(case when batches.batch_id is null then 1 else 0 end) as rows_without_line,
           sum(case when per_batch.row_count <> batches.row_count or per_batch.bytes <> batches.payload_bytes then 1 else 0 end)
             as differing,
           sum(case when low <> first_offset or high <> next_offset - 1 then 1 else 0 end) as ranges_differing,
           count(*) - count(distinct batches.load_seq) as sequences_twice
      from per_batch
      full join bronze.load_batches as batches
        on per_batch.batch_id = batches.batch_id and per_batch.load_seq = batches.load_seq`);
  expect(Object.fromEntries(Object.entries(found).map(([name, count]) => [name, Number(count)]))).toEqual({
    lines_without_rows: 0,
    rows_without_line: 0,
    differing: 0,
    ranges_differing: 0,
    sequences_twice: 0,
  });
}

/** The contract of replays for every warehouse. Each implementation runs these same tests. */
export function replayContract(name: string, open: () => Promise<ReplayFixture>): void {
  describe(`${name} keeps the contract of replays`, () => {
    let fixture: ReplayFixture;

    beforeEach(async () => {
      fixture = await open();
    });
    afterEach(() => fixture.close());

    const rebuild = async (...batches: Batch[]) => {
      await fill(fixture, ...batches);
      return promote(fixture);
    };

    describe('that rebuild BRONZE', () => {
      it('replace the existing rows by the same rows', async () => {
        await load(fixture, batch(0, 6), batch(6, 10), batch(0, 5, partition(1)), genres(0, 'Action'));
        expect(await rebuild(batch(0, 10), batch(0, 5, partition(1)), genres(0, 'Action'))).toEqual({
          rows: 16,
          same: 16,
          corrected: 0,
          recovered: 0,
          refused: 0,
          repeated: 0,
          retained: 0,
        });
        expect(await offsets(fixture, 'kafka_partition = 0')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        expect(await tablesBeside(fixture)).toEqual([]);
        await expectLedgerAndRowsToAgree(fixture);
      });

      it('leave the live positions, so that the loader continues unaffected', async () => {
        await load(fixture, batch(0, 6));
        await rebuild(batch(0, 6));
        await load(fixture, batch(6, 8));
        expect(await offsets(fixture)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
        await expectLedgerAndRowsToAgree(fixture);
      });

      it('take over rows that were loaded while they were filled, from whole and from partly covered batches', async () => {
        await load(fixture, batch(0, 4), genres(0, 'Action'));
        await fill(fixture, batch(0, 4), genres(0, 'Action'));
        await load(fixture, batch(4, 8), batch(8, 9), batch(0, 3, partition(2)), genres(1, 'Drama'));
        await fill(fixture, batch(4, 6));
        expect(await promote(fixture)).toMatchObject({ rows: 14, same: 14, retained: 7 });
        expect(await offsets(fixture, 'kafka_partition = 0')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
        expect(await offsets(fixture, 'kafka_partition = 2')).toEqual([0, 1, 2]);
        await expectLedgerAndRowsToAgree(fixture);
        await load(fixture, batch(9, 10), batch(3, 4, partition(2)));
        await expectLedgerAndRowsToAgree(fixture);
      });

      it('allow a loader to work before, during and after the swap', async () => {
        await load(fixture, batch(0, 3));
        await fill(fixture, batch(0, 3));
        const singles = Array.from({ length: 6 }, (_, index) => batch(3 + index, 4 + index));
        const [report] = await Promise.all([promote(fixture), load(fixture, ...singles)]);
        expect(report.rows).toBe(report.same);
        expect(report.rows).toBe(3 + report.retained);
        expect(await offsets(fixture)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
        await expectLedgerAndRowsToAgree(fixture);
      });

      it('keep rows whose records retention has deleted, and rows of an earlier topic', async () => {
        await load(fixture, batch(0, 4, partition(0, 'topic-before')), batch(0, 4), batch(4, 10));
        expect(await rebuild(batch(6, 10))).toMatchObject({ rows: 14, same: 14, retained: 10 });
        expect(await offsets(fixture)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9]);
        await expectLedgerAndRowsToAgree(fixture);
      });

      it('keep all rows of topics that no longer have any records', async () => {
        await load(fixture, batch(0, 4), genres(0, 'Action'));
        expect(await rebuild()).toEqual({
          rows: 5,
          same: 5,
          corrected: 0,
          recovered: 0,
          refused: 0,
          repeated: 0,
          retained: 5,
        });
        await load(fixture, batch(4, 6));
        expect(await offsets(fixture)).toEqual([0, 1, 2, 3, 4, 5]);
        await expectLedgerAndRowsToAgree(fixture);
      });

      it('restore lost rows, and correct rows that were changed by hand', async () => {
        await load(fixture, batch(0, 10), genres(0, 'Action'));
        await fixture.sql('delete from bronze.raw_movies where kafka_offset in (3, 4)');
        await fixture.sql(
          `update bronze.raw_movies set raw_data = ${fixture.document('{"id":"wrong"}')} where kafka_offset = 7`,
        );
        await fixture.sql(`update bronze.raw_genres set language = 'fr'`);
        expect(await rebuild(batch(0, 10), genres(0, 'Action'))).toEqual({
          rows: 11,
          same: 7,
          corrected: 2,
          recovered: 2,
          refused: 0,
          repeated: 0,
          retained: 0,
        });
        expect(
          await fixture.sql(
            `select ${fixture.textOf('raw_data')} as text from bronze.raw_movies where kafka_offset = 7`,
          ),
        ).toEqual([{ text: '{"id":7}' }]);
        expect(await fixture.sql('select language from bronze.raw_genres')).toEqual([{ language: 'en' }]);
        await expectLedgerAndRowsToAgree(fixture);
      });

      it('[R180] keep the request of each answer, and correct it where it was lost', async () => {
        const requested = {
          ...batch(0, 3),
          rows: batch(0, 3).rows.map((row, index) => ({
            ...row,
            ...(index < 2 && { request: requests[index] ?? {} }),
          })),
        };
        await load(fixture, requested);
        const rows = await requestsOf(fixture);
        expect(await rebuild(requested)).toMatchObject({ same: 3, corrected: 0 });
        expect(await requestsOf(fixture)).toEqual(rows);
        await fixture.sql('update bronze.raw_movies set reason = null, traceparent = null where kafka_offset = 0');
        expect(await rebuild(requested)).toMatchObject({ same: 2, corrected: 1 });
        expect(await requestsOf(fixture)).toEqual(rows);
      });

      it('remove duplicate rows of BRONZE', async () => {
        await load(fixture, batch(0, 4));
        await fixture.sql('insert into bronze.raw_movies select * from bronze.raw_movies where kafka_offset = 2');
        expect(await rebuild(batch(0, 4))).toMatchObject({ rows: 4, same: 4 });
        expect(await offsets(fixture)).toEqual([0, 1, 2, 3]);
        await expectLedgerAndRowsToAgree(fixture);
      });

      it('do not replace a BRONZE that has more rows than the topic, and then change nothing', async () => {
        await load(fixture, batch(0, 10));
        const thinned = batch(0, 10);
        await fill(fixture, { ...thinned, rows: thinned.rows.slice(1) });
        // The second attempt fails as well.
        for (const _ of ['once', 'again']) {
          await expect(promote(fixture)).rejects.toMatchObject({
            name: 'RebuildError',
            message: expect.stringMatching(/ has 1 rows .*such as tmdb\.raw-movies\/0\/0\. /),
          });
        }
        expect(await offsets(fixture)).toHaveLength(10);
        await expectLedgerAndRowsToAgree(fixture);
        await load(fixture, batch(10, 11));
        expect(await offsets(fixture)).toHaveLength(11);
      });

      it('[R81] drop the rows of records that the present rules refuse, and no others', async () => {
        await load(fixture, batch(0, 6), batch(16, 18, partition(1)), genres(0, 'Action'));
        const thinned = batch(0, 6);
        await fill(fixture, { ...thinned, rows: thinned.rows.filter((_, index) => index !== 2 && index !== 4) });
        await fill(fixture, { ...batch(16, 18, partition(1)), rows: [] });
        // Loaded meanwhile, after the offsets that the rebuild has read: it is not missing.
        await load(fixture, batch(6, 7));
        const address = (number: number, offset: number) => `${topic.topic}/${number}/${BigInt(offset)}` as const;
        const [second, fourth, sixth, seventh] = [address(0, 2), address(0, 4), address(1, 16), address(1, 17)];
        {
          await using opened = await fixture.openRebuild();
          expect([...(await opened.missing())].sort()).toEqual([second, fourth, sixth, seventh]);
          await expect(opened.promote(new Set([second, sixth, seventh]))).rejects.toMatchObject({
            name: 'RebuildError',
            message: expect.stringMatching(/ has 1 rows .*such as tmdb\.raw-movies\/0\/4\. /),
          });
          expect(await offsets(fixture)).toHaveLength(9);
          const swap = await opened.promote(new Set([second, fourth, sixth, seventh]));
          expect(swap).toEqual({ rows: 6, same: 6, corrected: 0, recovered: 0, refused: 4, repeated: 0, retained: 2 });
        }
        expect(await offsets(fixture)).toEqual([0, 1, 3, 5, 6]);
      });

      /** A batch without the row of a record that was parked. */
      const parking = (offset: number, whole: ReturnType<typeof batch>) => {
        return { ...whole, rows: whole.rows.filter(({ kafkaOffset }) => kafkaOffset !== BigInt(offset)) };
      };

      it('[R187] have one row for a record that was parked and sent back, and that they accept', async () => {
        await load(fixture, parking(1, batch(0, 4)), sentBack(1, 4), sentBack(1, 0, partition(1)));
        expect(await offsets(fixture)).toEqual([0, 2, 3, 4]);
        await fill(fixture, batch(0, 4), sentBack(1, 4), sentBack(1, 0, partition(1)));
        {
          await using opened = await fixture.openRebuild();
          expect(await opened.missing()).toEqual([]);
        }
        expect(await promote(fixture)).toMatchObject({ rows: 4, same: 3, recovered: 1, refused: 0, repeated: 1 });
        expect(await offsets(fixture)).toEqual([0, 1, 2, 3]);
        await load(fixture, sentBack(1, 5));
        expect(await offsets(fixture)).toEqual([0, 1, 2, 3]);
      });

      it('[R187] have one row for a record that is sent back while they are filled, and for one that was parked before retention', async () => {
        await load(fixture, batch(0, 4), sentBack(0, 4), parking(6, batch(5, 8)));
        await fill(fixture, { ...batch(2, 4), rows: batch(2, 4).rows }, sentBack(0, 4), batch(5, 8));
        await load(fixture, sentBack(6, 8));
        expect(await offsets(fixture)).toEqual([0, 1, 2, 3, 5, 7, 8]);
        expect(await promote(fixture)).toMatchObject({ rows: 7, repeated: 2, retained: 1 });
        expect(await offsets(fixture)).toEqual([1, 2, 3, 4, 5, 6, 7]);
        await load(fixture, batch(9, 10));
        expect(await offsets(fixture)).toEqual([1, 2, 3, 4, 5, 6, 7, 9]);
      });

      it('do not replace BRONZE if they have duplicate rows', async () => {
        await load(fixture, batch(0, 4));
        await fill(fixture, batch(0, 4));
        await fixture.sql(
          'insert into bronze.rebuild_raw_movies select * from bronze.rebuild_raw_movies where kafka_offset = 2',
        );
        await expect(promote(fixture)).rejects.toMatchObject({
          name: 'RebuildError',
          message: expect.stringContaining('1 duplicate rows'),
        });
        expect(await offsets(fixture)).toEqual([0, 1, 2, 3]);
      });

      it('resume at the position of the previous one', async () => {
        await load(fixture, batch(0, 4));
        await fill(fixture, batch(0, 2));
        await using again = await fixture.openRebuild();
        await again.migrate();
        expect(await again.positions(topic)).toEqual(new Map([[0, 2n]]));
        await expect(again.append([batch(0, 2)])).rejects.toMatchObject({ name: 'FencedError' });
        await again.append([batch(2, 4)]);
        expect(await again.promote()).toMatchObject({ rows: 4, same: 4, retained: 0 });
      });

      it('start from scratch after a reset, and after a promotion', async () => {
        await load(fixture, batch(0, 4));
        await using warehouse = await fixture.openRebuild();
        for (const forget of [() => warehouse.discard(), () => warehouse.promote()]) {
          await warehouse.migrate();
          await warehouse.append([batch(0, 2)]);
          await forget();
          await warehouse.migrate();
          expect(await warehouse.positions(topic)).toEqual(new Map());
        }
        await warehouse.discard();
        expect(await tablesBeside(fixture)).toEqual([]);
      });

      it('number their batches after all existing ones, so that dbt treats them as new', async () => {
        await load(fixture, batch(0, 4), batch(4, 8));
        await rebuild(batch(0, 4), batch(4, 8));
        const lines = await fixture.sql('select load_seq from bronze.load_batches order by load_seq');
        expect(lines.map((line) => Number(line['load_seq']))).toEqual([3, 4]);
      });
    });

    describe('that extend BRONZE', () => {
      const range = (from: number, end: number, where = partition()) => {
        return { partition: where, from: BigInt(from), end: BigInt(end) };
      };
      const extendTo = async (use: (backfill: Backfill) => Promise<void>, replay = 'test') => {
        await using backfill = await fixture.openBackfill(replay);
        await backfill.migrate();
        await use(backfill);
      };
      const nextOf = async (warehouse: Warehouse) => (await warehouse.positions(topic)).get(0);

      it('[R63] add no row that already exists', async () => {
        await load(fixture, batch(0, 10));
        await extendTo(async (backfill) => {
          await backfill.begin([range(2, 10)]);
          expect(await backfill.append([batch(2, 10)])).toBe(0);
          expect(await nextOf(backfill)).toBe(10n);
        });
        expect(await offsets(fixture)).toHaveLength(10);
        expect(await fixture.sql('select batch_id from bronze.load_batches')).toHaveLength(1);
      });

      it('[R63] add no row that already exists, also if the record is read differently now', async () => {
        await load(fixture, batch(0, 10));
        const rows = batch(5, 10).rows.map((row) => ({ ...row, fetchedAt: new Date(Date.UTC(2026, 5, 1)) }));
        await extendTo(async (backfill) => {
          await backfill.begin([range(5, 10)]);
          expect(await backfill.append([{ ...batch(5, 10), rows }])).toBe(0);
        });
        expect(await offsets(fixture)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      });

      it('add missing rows as a separate batch, each time they are missing', async () => {
        await load(fixture, batch(0, 10));
        for (const replay of ['first', 'second']) {
          await fixture.sql('delete from bronze.raw_movies where kafka_offset in (3, 4)');
          await extendTo(async (backfill) => {
            await backfill.begin([range(0, 10)]);
            expect(await backfill.append([batch(0, 5)])).toBe(2);
            expect(await backfill.append([batch(5, 10)])).toBe(0);
            await backfill.finish();
          }, replay);
        }
        expect(await offsets(fixture)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        const lines = await fixture.sql('select batch_id, row_count from bronze.load_batches order by load_seq');
        expect(lines.map((line) => Number(line['row_count']))).toEqual([10, 2, 2]);
        expect(new Set(lines.map((line) => line['batch_id'])).size).toBe(3);
        expect(await tablesBeside(fixture)).toEqual([]);
      });

      it('[R187] add no row for a record that was sent back and is loaded, and none for one that they have added', async () => {
        const { rows, ...whole } = batch(0, 4);
        await load(fixture, { ...whole, rows: rows.slice(2) }, sentBack(0, 4));
        await extendTo(async (backfill) => {
          await backfill.begin([range(0, 4)]);
          expect(await backfill.append([batch(0, 4)])).toBe(1);
        });
        await load(fixture, sentBack(1, 5));
        expect(await offsets(fixture)).toEqual([1, 2, 3, 4]);
      });

      it('leave offsets beyond the loader position to the loader', async () => {
        await load(fixture, batch(0, 4));
        await fixture.sql('delete from bronze.raw_movies where kafka_offset = 3');
        await extendTo(async (backfill) => {
          await backfill.begin([range(0, 8)]);
          expect(await backfill.append([batch(0, 8)])).toBe(1);
        });
        await load(fixture, batch(4, 8));
        expect(await offsets(fixture)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      });

      it('resume at their position, with their original ranges', async () => {
        const [other, beyond] = [partition(1), 2n ** 60n];
        await load(fixture, batch(0, 10));
        await extendTo(async (backfill) => {
          await backfill.begin([range(0, 10), { partition: other, from: 1n, end: beyond }]);
          await backfill.append([batch(0, 6)]);
        });
        await extendTo(async (backfill) => {
          const resumed = await backfill.begin([range(0, 99)]);
          expect(resumed).toEqual([range(6, 10), { partition: other, from: 1n, end: beyond }]);
          await expect(backfill.append([batch(0, 6)])).rejects.toMatchObject({ name: 'FencedError' });
          await backfill.append([batch(6, 10)]);
          await backfill.finish();
          expect(await backfill.begin([range(1, 2)])).toEqual([range(1, 2)]);
        });
      });

      it('do not affect each other', async () => {
        await load(fixture, batch(0, 4));
        await extendTo(async (backfill) => void (await backfill.begin([range(0, 4)])), 'one');
        await extendTo(async (backfill) => {
          expect(await backfill.begin([range(1, 3)])).toEqual([range(1, 3)]);
          await backfill.finish();
        }, 'other');
        await extendTo(async (backfill) => expect(await backfill.begin([])).toEqual([range(0, 4)]), 'one');
      });

      it('do not count the rows of another topic of the same name', async () => {
        await load(fixture, batch(0, 4, partition(0, 'topic-before')), batch(0, 4));
        await fixture.sql(`delete from bronze.raw_movies where kafka_offset = 2 and batch_id like '%/topic/%'`);
        await extendTo(async (backfill) => {
          await backfill.begin([range(0, 4)]);
          await backfill.append([batch(0, 4)]);
        });
        expect(await offsets(fixture)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
      });

      it('are followed by a rebuild that keeps the added rows', async () => {
        await load(fixture, batch(0, 4), batch(4, 8));
        await fixture.sql('delete from bronze.raw_movies where kafka_offset in (1, 5)');
        await extendTo(async (backfill) => {
          await backfill.begin([range(0, 8)]);
          await backfill.append([batch(0, 8)]);
          await backfill.finish();
        });
        // Retention has deleted the first batch since.
        expect(await rebuild(batch(4, 8))).toMatchObject({ rows: 8, same: 8, retained: 4 });
        expect(await offsets(fixture)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      });

      it('have names that cannot contain SQL', async () => {
        await expect(fixture.openBackfill('x; drop table bronze.raw_movies')).rejects.toThrow(
          'is not a valid name for a replay',
        );
      });
    });
  });
}
