import { systemClock } from '../../../runtime/clock.ts';
import {
  openSnowflakeSession,
  type SnowflakeSession,
  type SnowflakeSettings,
} from '../../../warehouse/snowflake/session.ts';
import { openSnowflakeWarehouse } from '../../../warehouse/snowflake/warehouse.ts';
import {
  type Contents,
  contractRetentionMs,
  requestOf,
  type WarehouseUnderTest,
} from '../warehouse/warehouse-contract.ts';

const stage = 'test';

/** A separate database for a test, with an empty schema BRONZE. */
export async function makeDatabase(settings: SnowflakeSettings): Promise<void> {
  await using session = await openSnowflakeSession({ settings, clock: systemClock, stage });
  await session.execute({ sql: `create database if not exists ${settings.database}` });
  await session.execute({ sql: `create schema if not exists ${settings.database}.bronze` });
}

/** A warehouse in a separate database. @param copyFrom the number of rows from which a flush uses a file. */
export async function openUnderTest(settings: SnowflakeSettings, copyFrom: number): Promise<WarehouseUnderTest> {
  await makeDatabase(settings);
  const options = { settings, clock: systemClock, stage, copyFrom, retentionMs: contractRetentionMs };
  let warehouse = await openSnowflakeWarehouse(options);
  const eyes = await openSnowflakeSession(options);
  return {
    warehouse,
    keepsValuesOnly: true,
    look: () => contentsOf(eyes),
    reopen: async () => {
      await warehouse[Symbol.asyncDispose]();
      warehouse = await openSnowflakeWarehouse(options);
      return warehouse;
    },
    close: async () => {
      await warehouse[Symbol.asyncDispose]();
      await eyes.execute({ sql: `drop database ${settings.database}` });
      await eyes[Symbol.asyncDispose]();
    },
  };
}

async function contentsOf(session: SnowflakeSession): Promise<Contents> {
  const rows = async (sql: string) => (await session.execute({ sql })).rows;
  const bigint = (value: unknown) => BigInt(String(value));
  const movies = await rows(
    `select kafka_offset, movie_id, to_json(raw_data) as document, batch_id, requested_at, reason, traceparent from bronze.raw_movies
      order by kafka_partition, kafka_offset`,
  );
  const genres = await rows('select kafka_offset, to_json(raw_data) as document from bronze.raw_genres');
  const batches = await rows('select batch_id, load_seq, row_count from bronze.load_batches order by load_seq');
  return {
    movies: movies.map((row) => ({
      offset: bigint(row['kafka_offset']),
      movieId: bigint(row['movie_id']),
      document: String(row['document']),
      batchId: String(row['batch_id']),
      request: requestOf(row),
    })),
    genres: genres.map((row) => ({ offset: bigint(row['kafka_offset']), document: String(row['document']) })),
    batches: batches.map((row) => ({
      batchId: String(row['batch_id']),
      loadSeq: bigint(row['load_seq']),
      rows: bigint(row['row_count']),
    })),
  };
}
