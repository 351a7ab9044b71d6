import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../runtime/clock.ts';
import { openDuckDbFile } from '../../warehouse/duckdb/file.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import type { TopicId } from '../../warehouse/warehouse.ts';
import {
  type Contents,
  contractRetentionMs,
  requestOf,
  warehouseContract,
} from '../support/warehouse/warehouse-contract.ts';

const options = (path: string) => ({ path, lockWaitMs: 10_000, clock: systemClock, retentionMs: contractRetentionMs });
const temporaryFolder = () => mkdtempSync(join(tmpdir(), 'duckdb-warehouse-'));

const contentsOf = async (path: string): Promise<Contents> => {
  await using file = await openDuckDbFile(options(path));
  const rows = async (sql: string) => (await file.connection.runAndReadAll(sql)).getRowObjects() as never;
  const movies = (await rows(
    `select kafka_offset as "offset", movie_id as "movieId", raw_data::varchar as document, batch_id as "batchId",
              requested_at::varchar as requested_at, reason, traceparent
         from bronze.raw_movies order by kafka_partition, kafka_offset`,
  )) as (Contents['movies'][number] & Record<string, unknown>)[];
  return {
    movies: movies.map((row) => ({ ...row, request: requestOf(row) })),
    genres: await rows('select kafka_offset as "offset", raw_data::varchar as document from bronze.raw_genres'),
    batches: await rows(
      'select batch_id as "batchId", load_seq as "loadSeq", row_count as rows from bronze.load_batches order by load_seq',
    ),
  };
};

warehouseContract('The DuckDB warehouse', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'warehouse.duckdb');
  let opened = await openDuckDbWarehouse(options(path));
  // A process has one instance, so reading the contents closes the warehouse and opens it again.
  const warehouse = {
    migrate: () => opened.migrate(),
    positions: (topic: TopicId) => opened.positions(topic),
    append: (batches: Parameters<typeof opened.append>[0]) => opened.append(batches),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
  const reopen = async () => {
    await opened[Symbol.asyncDispose]();
    opened = await openDuckDbWarehouse(options(path));
    return warehouse;
  };
  return {
    warehouse,
    reopen,
    look: async () => {
      await opened[Symbol.asyncDispose]();
      const contents = await contentsOf(path);
      opened = await openDuckDbWarehouse(options(path));
      return contents;
    },
    close: async () => {
      await opened[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
});
