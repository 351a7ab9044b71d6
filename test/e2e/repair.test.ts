import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toBatch } from '../../consumers/micro-batches.ts';
import { tableOf } from '../../consumers/raw-row.ts';
import type { Context } from '../../platform/context.ts';
import { openPlatform, type Platform } from '../../platform/platform.ts';
import { warehouseAccess } from '../../platform/warehouse.ts';
import type { RawGenresRow, RawMovieRow } from '../../warehouse/warehouse.ts';
import { audit } from '../support/audit/audit.ts';
import { testContext } from '../support/context.ts';
import { topics } from '../support/kafka/topics.ts';
import { Workspace } from '../support/processes/cli.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { SnowflakeWorkspace, snowflakeEnvironment } from '../support/snowflake/workspace.ts';

const tenYears = 10 * 365 * 86_400_000;
const sourceUrl = 'https://api.themoviedb.org/3/';
const gone = '{"success":false,"status_code":34,"status_message":"The resource you requested could not be found."}';

/** Writes records about the first five of `movies` that only a version without rules accepts. */
async function poisonTopics({ kafka }: Platform, movies: readonly number[]): Promise<void> {
  const { cluster } = await kafka();
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = movies;
  const [now, future] = [new Date(), new Date(Date.now() + tenYears)];
  const raw = (
    movieId: number,
    body: string,
    more: { readonly fetchedAt?: Date; readonly httpStatus?: number } = {},
  ) => {
    return { movieId, sourceUrl, httpStatus: 200, fetchedAt: now, body: Buffer.from(body), ...more };
  };
  const named = (id: number) => `{"id":${id},"title":"poison"}`;
  await cluster.sink(topics.rawMovies).publish([
    { key: String(a), value: raw(a, named(a), { fetchedAt: future }) },
    { key: String(a), value: raw(b, named(b)) },
    { key: String(c), value: raw(c, named(a)) },
    { key: String(d), value: raw(d, gone, { fetchedAt: future, httpStatus: 404 }) },
    { key: String(e), value: raw(e, '{"message":"no route"}', { httpStatus: 500 }) },
    { key: '-7', value: raw(-7, named(-7)) },
  ]);
  const body = Buffer.from('{"genres":[{"id":18,"name":"poison"}]}');
  const genres = { language: 'en', sourceUrl, body };
  await cluster.sink(topics.rawGenres).publish([
    { key: 'en', value: { ...genres, fetchedAt: future } },
    { key: 'fr', value: { ...genres, fetchedAt: now } },
  ]);
  const asked = { reason: 'manual', page: null, rank: null } as const;
  await cluster.sink(topics.movieIds).publish([
    { key: String(a), value: { ...asked, movieId: a, requestedAt: future } },
    { key: String(b), value: { ...asked, movieId: c, requestedAt: now } },
    { key: 'junk', value: { ...asked, movieId: a, requestedAt: now } },
  ]);
}

/** Loads all records of the raw topics that BRONZE lacks, without any rules. @returns their number. */
async function loadWithoutRules(context: Context, { kafka }: Platform): Promise<number> {
  const { cluster, clusterId } = await kafka();
  const { admin } = cluster;
  await using warehouse = await warehouseAccess(context).openLoader();
  let loaded = 0;
  for (const raw of [topics.rawMovies, topics.rawGenres]) {
    const topic = raw.name;
    const id = { clusterId, topic, topicId: await admin.topicId(topic) };
    const [positions, { low, high }] = [await warehouse.positions(id), await admin.topicOffsets(topic)];
    const rows = new Map<number, (RawMovieRow | RawGenresRow)[]>();
    await cluster.readTopic(raw, ({ partition, offset, value }) => {
      if (value === null || offset < (positions.get(partition) ?? 0n)) return;
      const row = raw.codec.decode(value);
      rows.set(partition, [...(rows.get(partition) ?? []), { kafkaOffset: offset, ...row }]);
    });
    for (const [partition, ofPartition] of rows) {
      const firstOffset = positions.get(partition) ?? low.get(partition) ?? 0n;
      const nextOffset = high.get(partition) ?? firstOffset;
      const place = { partition: { ...id, partition }, firstOffset, nextOffset };
      await warehouse.append([toBatch({ ...place, table: tableOf(topics, topic), records: [], rows: ofPartition })]);
      loaded += ofPartition.length;
    }
  }
  return loaded;
}

/** One of the two warehouses, and direct access to its contents for the test. */
interface Fixture {
  readonly workspace: Workspace;
  readonly env: Readonly<Record<string, string>>;
  query(sql: string): Promise<Record<string, unknown>[]>;
  audit(): Promise<unknown>;
}

/** The movies and genres in the tables, including wrong ones. */
async function seen({ query }: Fixture): Promise<unknown> {
  const movies = await query('select movie_id, title, is_deleted from silver.silver_movies order by movie_id');
  const facts = await query('select movie_id, title, revenue_usd from gold.fact_movies order by movie_id');
  const genres = await query('select genre_id, genre_name from silver.silver_genres order by genre_id');
  return JSON.parse(
    JSON.stringify({ movies, facts, genres }, (_, value) => (typeof value === 'bigint' ? Number(value) : value)),
  );
}

async function healsWhatIsThere(fixture: Fixture): Promise<void> {
  const { workspace, env, query } = fixture;
  const json = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await workspace.run([...args, '--json']);
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout);
  };
  await workspace.runOnce(['--pages', '2']);
  const before = await seen(fixture);
  const movies = (await query('select movie_id from silver.silver_movies order by movie_id')).map((row) =>
    Number(row['movie_id']),
  );
  const context = testContext({ DATA_DIR: workspace.dataDir, ...env });
  let poisoned = 0;
  {
    await using platform = openPlatform(context);
    await poisonTopics(platform, movies);
    poisoned = await loadWithoutRules(context, platform);
  }
  // Eight, or more if a write to a busy broker was repeated.
  expect(poisoned).toBeGreaterThanOrEqual(8);
  await json(['transform']);
  expect(await seen(fixture)).not.toEqual(before);

  const found = { badKeys: 3, refusedRecords: poisoned, rowsToPark: poisoned, fullRefresh: true };
  const damaged = await seen(fixture);
  expect(await json(['repair', '--dry-run'])).toMatchObject({ ...found, isDryRun: true });
  expect(await seen(fixture)).toEqual(damaged);
  expect(await json(['repair'])).toMatchObject({ ...found, isDryRun: false });
  expect(await seen(fixture)).toEqual(before);

  // What a repair leaves that was interrupted before the full refresh.
  await query(
    `update silver.silver_movie_observations set _fetched_at = timestamp '2020-01-01' where movie_id = ${movies[0]}`,
  );
  expect(await json(['repair'])).toMatchObject({ rowsToPark: 0, fullRefresh: true });
  const falseOnes = `select count(*) as n from silver.silver_movie_observations where _fetched_at = timestamp '2020-01-01'`;
  expect((await query(falseOnes)).map(({ n }) => Number(n))).toEqual([0]);

  // The movies requested again are fetched, and the bad ids are parked.
  await workspace.runOnce(['--pages', '2']);
  expect(await seen(fixture)).toEqual(before);
  await fixture.audit();
  expect(await json(['repair'])).toMatchObject({
    ...{ badKeys: 0, rowsToPark: 0, rowsLeftOut: 0, movies: 0, fullRefresh: false },
    refusedRecords: poisoned,
  });
}

const rate = { TMDB_RATE_LIMIT: '200/1s' };

describe('repair', () => {
  let emulator: SnowflakeEmulator;
  beforeAll(async () => {
    emulator = await SnowflakeEmulator.start();
  });
  afterAll(() => emulator[Symbol.asyncDispose]());

  it('[R81] removes records with wrong ids and times from topics, BRONZE, SILVER and GOLD, and then finds nothing', {
    tags: ['full'],
  }, async () => {
    using workspace = new Workspace(rate);
    await healsWhatIsThere({
      workspace,
      env: rate,
      audit: () => audit(workspace),
      query: async (sql) => {
        const instance = await DuckDBInstance.create(workspace.duckdbPath);
        const connection = await instance.connect();
        const rows = (await connection.runAndReadAll(sql)).getRowObjectsJS();
        connection.closeSync();
        instance.closeSync();
        return rows;
      },
    });
  });

  it('[R81] does the same on Snowflake', { tags: ['full'] }, async () => {
    const engineer = { SNOWFLAKE_USER: 'AN_ENGINEER', SNOWFLAKE_ROLE: 'DE_ROLE' };
    using workspace = new SnowflakeWorkspace(emulator, { ...engineer, ...rate });
    expect(await workspace.run(['warehouse', 'provision'])).toMatchObject({ code: 0 });
    await healsWhatIsThere({
      workspace,
      env: { ...snowflakeEnvironment(emulator), ...engineer, ...rate },
      audit: () => workspace.auditBronze(),
      query: (sql) => workspace.query(sql),
    });
  });
});
