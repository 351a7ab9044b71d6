import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Status } from '../../pipeline/status.ts';
import { emptyKpis, rowsIn } from '../support/processes/cli.ts';
import { type Death, dieAt } from '../support/processes/die-at.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { keyPairIn, SnowflakeWorkspace } from '../support/snowflake/workspace.ts';

describe('the whole pipeline into Snowflake', () => {
  let emulator: SnowflakeEmulator;

  beforeAll(async () => {
    // A killed process leaves its transaction open. Snowflake ends the transaction after it has blocked others for five minutes.
    emulator = await SnowflakeEmulator.start({ abortIdleBlockerSeconds: 1 });
  });
  afterAll(() => emulator[Symbol.asyncDispose]());

  it('[S5] provisions, loads and builds; a second run requests no movie and changes nothing', async () => {
    using workspace = new SnowflakeWorkspace(emulator, { TMDB_RATE_LIMIT: '200/1s' });
    const { privateKeyFile, publicKeyFile } = keyPairIn(workspace.dataDir);
    const keys = ['--loader-key', publicKeyFile, '--dbt-key', publicKeyFile];
    expect(await workspace.run(['warehouse', 'provision', ...keys])).toMatchObject({ code: 0 });
    expect(await workspace.run(['warehouse', 'provision', '--check', ...keys])).toMatchObject({ code: 0 });

    const byKey = {
      SNOWFLAKE_USER: 'LECTURE_LOADER',
      SNOWFLAKE_TOKEN: '',
      SNOWFLAKE_PRIVATE_KEY_FILE: privateKeyFile,
    };
    const first = await workspace.runOnce(['--pages', '5'], byKey);
    expect(first.walk).toMatchObject({ pagesRead: 5, found: 100, published: 100 });
    expect(rowsIn(first, 'bronze.raw_movies')).toBe(100);
    expect(rowsIn(first, 'gold.fact_movies')).toBe(first.movies.fetched);
    expect(first.dbt.testsPassed).toBeGreaterThan(20);
    expect(emptyKpis(first)).toEqual([]);

    const again = await workspace.runOnce(['--pages', '5']);
    expect(again.walk).toMatchObject({ found: 100, published: 0 });
    expect(again.tables).toEqual(first.tables);
    expect(again.dbt).toMatchObject({ skipped: true, testsPassed: first.dbt.testsPassed });

    const built = await workspace.run(['transform', '--force', '--json']);
    expect(built).toMatchObject({ code: 0 });
    expect(JSON.parse(built.stdout)).toMatchObject({ skipped: false, testsPassed: first.dbt.testsPassed });
    expect(await workspace.auditBronze()).toMatchObject({ ids: 100, rawRecords: 100, bronzeRows: 101 });

    const { stdout } = await workspace.run(['status', '--json']);
    const { lastDayAtSnowflake: cost } = JSON.parse(stdout) as Status;
    expect(cost).toMatchObject({ dbtRuns: 2 });
    expect(cost?.creditsPer1000Movies).toBeGreaterThan(0);
    const tags = (await emulator.statements()).map(({ tag }) => tag);
    // Before there is anything to tag, the driver and dbt log in, and dbt reads the catalog.
    expect(tags.filter((tag) => tag === null).length / tags.length).toBeLessThan(0.1);
  });

  it('[R3 R93] loses and duplicates nothing when it is killed at any point', {
    timeout: 120_000 * (deaths.length + 3),
  }, async () => {
    using workspace = new SnowflakeWorkspace(
      emulator,
      { TMDB_RATE_LIMIT: '60/1s', SANDBOX_MOVIES: '2000', LOAD_MAX_AGE: '500ms' },
      { ownDbt: true },
    );
    await workspace.run(['warehouse', 'provision']);
    for (const [index, point] of deaths.entries()) {
      // Each run has 40 more movies than the one before, so it reaches every step.
      await dieAt(point, workspace, ['run', '--once', '--pages', String(2 + 2 * index)]);
    }
    const pages = 2 + 2 * deaths.length;
    const last = await workspace.runOnce(['--pages', String(pages)]);
    const found = await workspace.auditBronze();
    process.stdout.write(`killed at ${deaths.map(({ point }) => point).join(', ')}; ${JSON.stringify(found)}\n`);
    expect(found.ids).toBeGreaterThanOrEqual(20 * pages);
    expect(rowsIn(last, 'gold.fact_movies')).toBe(found.alive);
  });
});

/** Steps that write, the most important ones first: with an open transaction, and with the transform lease held while dbt runs. */
const steps: readonly Death[] = [
  { point: 'snowflake.position-moved', hit: 1 },
  { point: 'transform.node-done', hit: 3, withChildren: true },
  { point: 'fetcher.published', hit: 5 },
  { point: 'transform.lease-taken', hit: 1 },
  { point: 'transform.built', hit: 1 },
  { point: 'snowflake.lock-taken', hit: 1 },
  { point: 'snowflake.rows-written', hit: 1 },
  { point: 'producer.page-published', hit: 1 },
];

const deaths = steps.slice(0, Number(process.env['KILLS'] ?? 3));
