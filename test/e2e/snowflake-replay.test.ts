import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { SnowflakeWorkspace } from '../support/snowflake/workspace.ts';

describe('replay raw into Snowflake', () => {
  let emulator: SnowflakeEmulator;

  beforeAll(async () => {
    emulator = await SnowflakeEmulator.start();
  });
  afterAll(() => emulator[Symbol.asyncDispose]());

  it('rebuilds the same BRONZE as the live path, and adds only missing rows', async () => {
    // A replay creates and drops tables. Engineers have these privileges, the loader does not.
    const engineer = { SNOWFLAKE_USER: 'AN_ENGINEER', SNOWFLAKE_ROLE: 'DE_ROLE' };
    using workspace = new SnowflakeWorkspace(emulator, { ...engineer, TMDB_RATE_LIMIT: '200/1s' });
    const json = async (args: readonly string[]) => {
      const { code, stdout, stderr } = await workspace.run([...args, '--json']);
      expect(code, stderr).toBe(0);
      return JSON.parse(stdout);
    };
    const contents = () =>
      workspace.query(`select movie_id, to_json(raw_data) as document, source_url, kafka_partition, kafka_offset, fetched_at
                         from bronze.raw_movies order by kafka_partition, kafka_offset`);
    const gold = () =>
      workspace.query(`select movie_sk, movie_id, title, date_sk, genre_sk, company_sk, revenue_usd, popularity
                         from gold.fact_movies order by movie_sk`);

    expect(await workspace.run(['warehouse', 'provision'])).toMatchObject({ code: 0 });
    await workspace.runOnce(['--pages', '5']);
    const [rows, facts] = [await contents(), await gold()];
    expect(rows).toHaveLength(100);

    expect(await json(['replay', 'raw', '--all', '--rebuild'])).toMatchObject({
      records: 101,
      apiCalls: 0,
      swap: { rows: 101, same: 101, corrected: 0, recovered: 0, refused: 0, repeated: 0, retained: 0 },
    });
    expect(await contents()).toEqual(rows);
    await workspace.auditBronze();

    await workspace.query('delete from bronze.raw_movies where kafka_offset = 1');
    const missing = rows.length - (await contents()).length;
    expect(missing).toBeGreaterThan(0);
    expect(await json(['replay', 'raw', '--all'])).toMatchObject({ records: 100, added: missing });
    expect(await contents()).toEqual(rows);
    expect(await json(['replay', 'raw', '--all'])).toMatchObject({ records: 100, added: 0 });

    expect(await json(['transform'])).toMatchObject({ skipped: false });
    expect(await gold()).toEqual(facts);
  });
});
