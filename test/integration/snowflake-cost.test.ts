import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCost } from '../../pipeline/cost.ts';
import { systemClock } from '../../runtime/clock.ts';
import { openSnowflakeReader } from '../../warehouse/snowflake/reader.ts';
import { openSnowflakeSession } from '../../warehouse/snowflake/session.ts';
import { openSnowflakeWarehouse } from '../../warehouse/snowflake/warehouse.ts';
import { topics } from '../support/kafka/topics.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { makeDatabase } from '../support/snowflake/fixture.ts';

const now = Date.UTC(2026, 6, 2);

describe('the cost of a day at Snowflake', () => {
  let emulator: SnowflakeEmulator;

  const options = () => ({ settings: emulator.settings({ database: 'COST' }), clock: systemClock, stage: 'test' });
  const cost = async () => {
    await using reader = openSnowflakeReader(options());
    return await readCost(reader, options().settings, { hasRuns: false, rawMovies: topics.rawMovies.name, now });
  };
  /** Inserts flushes, each of one batch or of several at the same time. */
  const flushed = async (...batches: readonly (readonly [topic: string, rows: number, at: string])[]) => {
    await using session = await openSnowflakeSession(options());
    const values = batches.map(
      ([topic, rows, at], index) => `(${index}, 'b', 'c', '${topic}', 't', 0, 0, ${rows}, ${rows}, 1, '${at}')`,
    );
    await session.execute({ sql: 'delete from bronze.load_batches' });
    await session.execute({ sql: `insert into bronze.load_batches values ${values.join(', ')}` });
  };

  beforeAll(async () => {
    emulator = await SnowflakeEmulator.start();
    await makeDatabase(options().settings);
    await using warehouse = await openSnowflakeWarehouse(options());
    await warehouse.migrate();
  });
  afterAll(() => emulator[Symbol.asyncDispose]());

  it('is reported per movie: genres are rows of a flush, but not movies', async () => {
    await flushed(
      [topics.rawMovies.name, 1_000, '2026-07-01 12:00:00'],
      [topics.rawGenres.name, 500, '2026-07-01 12:00:00'],
      [topics.rawMovies.name, 1_000, '2026-07-01 13:00:00'],
      [topics.rawMovies.name, 9_000, '2026-06-30 12:00:00'],
    );
    const credits = 120 / 3_600;
    expect(await cost()).toEqual({
      flushes: 2,
      rowsPerFlush: 1_250,
      dbtRuns: 0,
      secondsAwake: 120,
      estimatedCredits: Number(credits.toFixed(3)),
      creditsPer1000Movies: Number((credits / 2).toFixed(3)),
    });
  });

  it('has no price per movie if none was loaded', async () => {
    await flushed([topics.rawGenres.name, 500, '2026-07-01 12:00:00']);
    expect(await cost()).toMatchObject({ flushes: 1, rowsPerFlush: 500, creditsPer1000Movies: null });
  });
});
