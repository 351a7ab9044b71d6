import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { openDuckDbExtension } from '../../lib/warehouse/duckdb/extension.ts';
import { openDuckDbFile } from '../../lib/warehouse/duckdb/file.ts';
import { openDuckDbRebuild } from '../../lib/warehouse/duckdb/rebuild.ts';
import { openDuckDbWarehouse } from '../../lib/warehouse/duckdb/warehouse.ts';
import type { Batch, PartitionId, Warehouse } from '../../lib/warehouse/warehouse.ts';

const topic = { clusterId: 'cluster', topic: 'tmdb.raw-movies', topicId: 'topic' };
const partition = (number = 0, topicId = topic.topicId): PartitionId => ({ ...topic, topicId, partition: number });

/** The offsets `[first, next)` as the topic holds them, a row each. */
const batch = (first: number, next: number, where = partition(), document = (offset: number) => `{"id":${offset}}`) =>
  ({
    table: 'raw_movies',
    partition: where,
    firstOffset: BigInt(first),
    nextOffset: BigInt(next),
    rows: Array.from({ length: next - first }, (_, index) => ({
      kafkaOffset: BigInt(first + index),
      movieId: first + index,
      body: Buffer.from(document(first + index)),
      sourceUrl: 'https://api.themoviedb.org/3/movie/1',
      httpStatus: 200,
      fetchedAt: new Date(Date.UTC(2026, 0, 1)),
    })),
  }) satisfies Batch;

describe('a replay in a DuckDB file', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'duckdb-replay-'));
    path = join(folder, 'warehouse.duckdb');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const options = () => ({ path, lockWaitMs: 10_000, clock: systemClock });
  const sql = async (text: string) => {
    await using file = await openDuckDbFile(options());
    return (await file.connection.runAndReadAll(text)).getRowObjectsJson();
  };
  const offsets = async (where = 'true') =>
    (await sql(`select kafka_offset as o from bronze.raw_movies where ${where} order by o`)).map(({ o }) => Number(o));
  const load = async (...batches: Batch[]) => {
    await using warehouse = await openDuckDbWarehouse(options());
    await warehouse.migrate();
    for (const one of batches) await warehouse.append([one]);
  };
  const rebuild = async (...batches: Batch[]) => {
    await using warehouse = await openDuckDbRebuild(options());
    await warehouse.migrate();
    for (const one of batches) await warehouse.append([one]);
    return warehouse.swapIn();
  };
  /** Each line's rows are the rows that name it, no row is without a line, no offset comes twice. */
  const expectLedgerAndRowsToAgree = async () => {
    const [found] = await sql(`
      with per_batch as (
        select batch_id, load_seq, count(*) as rows, sum(strlen(raw_data)) as bytes, min(kafka_offset) as low, max(kafka_offset) as high
          from bronze.raw_movies group by all)
      select count(*) filter (per_batch.batch_id is null and batches.row_count > 0) as lines_without_rows,
             count(*) filter (batches.batch_id is null) as rows_without_line,
             count(*) filter (per_batch.rows <> batches.row_count or per_batch.bytes <> batches.payload_bytes) as differing,
             count(*) filter (low < first_offset or high >= next_offset) as outside,
             count(*) - count(distinct batches.load_seq) as sequences_twice
        from per_batch full join bronze.load_batches as batches using (batch_id, load_seq)`);
    expect(found).toEqual({
      lines_without_rows: '0',
      rows_without_line: '0',
      differing: '0',
      outside: '0',
      sequences_twice: '0',
    });
  };

  describe('that rebuilds BRONZE', () => {
    it('puts the same rows in place of those that are there', async () => {
      await load(batch(0, 6), batch(6, 10), batch(0, 5, partition(1)));
      expect(await rebuild(batch(0, 10), batch(0, 5, partition(1)))).toEqual({
        rows: 15,
        same: 15,
        corrected: 0,
        recovered: 0,
        carried: 0,
      });
      expect(await offsets('kafka_partition = 0')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      await expectLedgerAndRowsToAgree();
    });

    it('leaves the live positions, so that its loader goes on as if nothing had been', async () => {
      await load(batch(0, 6));
      await rebuild(batch(0, 6));
      await load(batch(6, 8));
      expect(await offsets()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      await expectLedgerAndRowsToAgree();
    });

    it('takes over what was loaded while it was filled, whole batches and cut ones', async () => {
      await load(batch(0, 4));
      await using warehouse = await openDuckDbRebuild(options());
      await warehouse.migrate();
      await warehouse.append([batch(0, 4)]);
      await warehouse[Symbol.asyncDispose]();
      await load(batch(4, 8), batch(8, 9), batch(0, 3, partition(2)));
      await using again = await openDuckDbRebuild(options());
      await again.append([batch(4, 6)]);
      expect(await again.swapIn()).toMatchObject({ rows: 12, same: 12, carried: 6 });
      await again[Symbol.asyncDispose]();
      expect(await offsets('kafka_partition = 0')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
      expect(await offsets('kafka_partition = 2')).toEqual([0, 1, 2]);
      await expectLedgerAndRowsToAgree();
      await load(batch(9, 10), batch(3, 4, partition(2)));
      await expectLedgerAndRowsToAgree();
    });

    it('keeps what retention has taken from the topic, and what came from a topic before it', async () => {
      await load(batch(0, 4, partition(0, 'topic-before')), batch(0, 4), batch(4, 10));
      expect(await rebuild(batch(6, 10))).toMatchObject({ rows: 14, same: 14, carried: 10 });
      expect(await offsets()).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9]);
      await expectLedgerAndRowsToAgree();
    });

    it('brings back rows that were lost, and their record in place of one that was changed by hand', async () => {
      await load(batch(0, 10));
      await sql('delete from bronze.raw_movies where kafka_offset in (3, 4)');
      await sql(`update bronze.raw_movies set raw_data = '{"id":"wrong"}' where kafka_offset = 7`);
      expect(await rebuild(batch(0, 10))).toEqual({ rows: 10, same: 7, corrected: 1, recovered: 2, carried: 0 });
      expect(await sql('select raw_data from bronze.raw_movies where kafka_offset = 7')).toEqual([
        { raw_data: '{"id":7}' },
      ]);
      await expectLedgerAndRowsToAgree();
    });

    it('does not take the place of a BRONZE that has more than the topic, and changes nothing then', async () => {
      await load(batch(0, 10));
      const thinned = batch(0, 10);
      await expect(rebuild({ ...thinned, rows: thinned.rows.slice(1) })).rejects.toMatchObject({
        name: 'RebuildError',
        message: expect.stringContaining('such as tmdb.raw-movies/0/0'),
      });
      expect(await offsets()).toHaveLength(10);
      await expectLedgerAndRowsToAgree();
    });

    it('begins anew when it is told to forget', async () => {
      await load(batch(0, 4));
      await using warehouse = await openDuckDbRebuild(options());
      await warehouse.migrate();
      await warehouse.append([batch(0, 2)]);
      await warehouse.discard();
      await warehouse.migrate();
      expect(await warehouse.positions(topic)).toEqual(new Map());
    });

    it('numbers what it writes after all that was there, so that dbt takes it for newer and unseen', async () => {
      await load(batch(0, 4), batch(4, 8));
      await rebuild(batch(0, 4), batch(4, 8));
      expect(await sql('select min(load_seq) as low, max(load_seq) as high from bronze.load_batches')).toEqual([
        { low: '3', high: '4' },
      ]);
    });

    it('takes over a file from before topic ids were kept', async () => {
      await load(batch(0, 4));
      await sql(`update bronze.load_positions set topic_id = '' ; update bronze.load_batches set topic_id = ''`);
      await load(batch(4, 6));
      expect(await rebuild(batch(0, 5))).toMatchObject({ rows: 6, same: 6, carried: 1 });
      expect(await sql('select distinct topic_id from bronze.load_batches')).toEqual([{ topic_id: 'topic' }]);
    });
  });

  describe('that extends BRONZE', () => {
    const range = (from: number, end: number, where = partition()) => {
      return { partition: where, from: BigInt(from), end: BigInt(end) };
    };
    const extendTo = async (use: (extension: Awaited<ReturnType<typeof openDuckDbExtension>>) => Promise<void>) => {
      await using extension = await openDuckDbExtension(options(), 'test');
      await extension.migrate();
      await use(extension);
    };
    const nextOf = async (warehouse: Warehouse) => (await warehouse.positions(topic)).get(0);

    it('adds nothing that is there', async () => {
      await load(batch(0, 10));
      await extendTo(async (extension) => {
        await extension.begin([range(2, 10)]);
        await extension.append([batch(2, 10)]);
        expect(await nextOf(extension)).toBe(10n);
      });
      expect(await offsets()).toHaveLength(10);
      expect(await sql('select count(*)::int as n from bronze.load_batches')).toEqual([{ n: 1 }]);
    });

    it('adds what is missing, as a batch of its own, each time it is missing', async () => {
      await load(batch(0, 10));
      for (const name of ['first', 'second']) {
        await sql('delete from bronze.raw_movies where kafka_offset in (3, 4)');
        await using extension = await openDuckDbExtension(options(), name);
        await extension.begin([range(0, 10)]);
        await extension.append([batch(0, 10)]);
        await extension.finish();
      }
      expect(await offsets()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      const ids = await sql('select batch_id as id, row_count::int as n from bronze.load_batches order by load_seq');
      expect(ids.map(({ n }) => n)).toEqual([10, 2, 2]);
      expect(new Set(ids.map(({ id }) => id)).size).toBe(3);
    });

    it('leaves to the loader what the loader has not passed', async () => {
      await load(batch(0, 4));
      await extendTo(async (extension) => {
        await extension.begin([range(0, 8)]);
        await extension.append([batch(0, 8)]);
      });
      await load(batch(4, 8));
      expect(await offsets()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    });

    it('goes on where it was, with the ranges it began with', async () => {
      await load(batch(0, 10));
      await extendTo(async (extension) => {
        await extension.begin([range(0, 10)]);
        await extension.append([batch(0, 6)]);
      });
      await extendTo(async (extension) => {
        expect(await extension.begin([range(0, 99)])).toEqual([range(6, 10)]);
        await expect(extension.append([batch(0, 6)])).rejects.toMatchObject({ name: 'FencedError' });
        await extension.append([batch(6, 10)]);
        await extension.finish();
        expect(await extension.begin([range(1, 2)])).toEqual([range(1, 2)]);
      });
    });

    it('takes rows of another topic of the same name for no rows of this one', async () => {
      await load(batch(0, 4, partition(0, 'topic-before')), batch(0, 4));
      await sql(`delete from bronze.raw_movies where kafka_offset = 2 and batch_id like '%/topic/%'`);
      await extendTo(async (extension) => {
        await extension.begin([range(0, 4)]);
        await extension.append([batch(0, 4)]);
      });
      expect(await offsets()).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
    });
  });
});
