import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTopic } from '../../kafka/read-topic.ts';
import { systemClock } from '../../runtime/clock.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { GeneratedCatalogue } from '../../sandbox/catalogue-generated.ts';
import { rawMovieCodec } from '../../schemas/codecs.ts';
import { openSnowflakeSession } from '../../warehouse/snowflake/session.ts';
import { KafkaFixture } from '../support/kafka/kafka-fixture.ts';
import { topicNames, topics } from '../support/kafka/topics.ts';
import type { Outcome } from '../support/processes/cli.ts';
import { until } from '../support/processes/fleet.ts';
import { ArgumentWatch, type Canary, combined, filesWith, isIn, makeCanaries } from '../support/snowflake/canaries.ts';
import { eitherOf, injectOn } from '../support/snowflake/chaos.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { SnowflakeProxy } from '../support/snowflake/proxy.ts';
import { isLongForm } from '../tiers.ts';

const movies = 20;

describe('a secret of Snowflake', () => {
  let kafka: KafkaFixture;
  let emulator: SnowflakeEmulator;
  let proxy: SnowflakeProxy;
  /** Files that are written after this time belong to the test. */
  const since = Date.now();

  beforeAll(async () => {
    [kafka, emulator] = await Promise.all([
      KafkaFixture.open(),
      SnowflakeEmulator.start({ abortIdleBlockerSeconds: 1 }),
    ]);
    proxy = await SnowflakeProxy.start(emulator.url, { lateMs: 3_000 });
    await kafka.ensureTopics(1);
    await publish();
  });
  afterAll(() => Promise.all([kafka, proxy, emulator].map((part) => part[Symbol.asyncDispose]())));

  /** Publishes movies, and one record that becomes a dead letter. */
  const publish = async () => {
    const catalogue = new GeneratedCatalogue({ movies });
    const messages = Array.from({ length: movies }, (_, rank) => {
      const movieId = catalogue.idAtRank(rank);
      const body = catalogue.document(movieId) ?? Buffer.from('{}');
      const sourceUrl = `https://api.themoviedb.org/3/movie/${movieId}`;
      const value = rawMovieCodec.encode({ movieId, sourceUrl, httpStatus: 200, fetchedAt: new Date(), body });
      return { key: String(movieId), value };
    });
    await kafka.write(topics.rawMovies.name, [...messages, { key: 'x', value: Buffer.from('x') }]);
  };

  const environment = (database: string) => ({
    WAREHOUSE: 'snowflake',
    SNOWFLAKE_ACCOUNT: 'fakesnow',
    // A user that the account does not know, and admits with any credentials.
    SNOWFLAKE_USER: 'CANARY',
    SNOWFLAKE_DATABASE: database,
    SNOWFLAKE_URL: proxy.url,
    SNOWFLAKE_TIMEOUT: '5s',
    TMDB_BASE_URL: 'http://127.0.0.1:9',
    LOG_LEVEL: 'trace',
    HOME: kafka.dataDir,
  });

  const session = (database: string) =>
    openSnowflakeSession({ settings: emulator.settings({ database }), clock: systemClock, stage: 'audit' });

  /** Searches every table, row by row. */
  const tablesWith = async (canary: Canary, database: string) => {
    await using audit = await session(database);
    const query = async (sql: string) => (await audit.execute({ sql })).rows;
    const tables = await query(
      "select table_schema || '.' || table_name as name from information_schema.tables where table_schema <> 'INFORMATION_SCHEMA'",
    );
    const found: string[] = [];
    for (const { name } of tables) {
      const rows = await query(`select * from ${name}`);
      const text = JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? value.toString() : value));
      if (isIn(text, canary)) found.push(String(name));
    }
    return { tables: tables.length, found };
  };

  const topicsWith = async (canary: Canary) => {
    const found: string[] = [];
    for (const topic of topicNames) {
      await readTopic(kafka.kafka, topic, ({ key, value, headers }) => {
        if (isIn(`${key} ${value?.toString('latin1')} ${JSON.stringify(headers)}`, canary)) found.push(topic);
      });
    }
    return found;
  };

  // Each one takes a minute.
  const canaries = isLongForm ? makeCanaries() : [combined(makeCanaries())];

  it.each(canaries.map((canary, index) => ({ ...canary, database: `CANARY_${index}` })))(
    'is in no output, argument, file, topic or table: $name',
    { tags: ['full'], timeout: 300_000 },
    async ({ database, ...canary }) => {
      using watch = new ArgumentWatch(canary);
      const said: Outcome[] = [];
      const run = async (...args: string[]) => {
        const outcome = await kafka.cli(args, { ...environment(database), ...canary.env });
        said.push(outcome);
        return outcome;
      };
      expect(await run('warehouse', 'provision')).toMatchObject({ code: 0 });
      proxy.injections.length = 0;
      proxy.judge = eitherOf(
        injectOn('commit', 'close'),
        injectOn('merge', 'reset', { nth: 2 }),
        injectOn('begin', 'expired'),
      );
      expect(await run('load', '--once')).toMatchObject({ code: 0 });
      expect(Object.keys(proxy.counts())).toHaveLength(2);
      proxy.judge = () => undefined;
      expect(await run('transform')).toMatchObject({ code: 0 });
      const [status] = await Promise.all([run('status'), run('doctor')]);
      expect(status).toMatchObject({ code: 0 });

      await using other = await session(database);
      await other.execute({ sql: 'alter table bronze.raw_movies rename to bronze.elsewhere' });
      expect(await run('transform', '--force')).toMatchObject({ code: ExitCode.failed });
      await other.execute({ sql: 'alter table bronze.elsewhere rename to bronze.raw_movies' });
      proxy.judge = ({ kind, agent }) => (kind === 'login' && agent.startsWith('Python') ? 'refused' : undefined);
      expect(await run('transform', '--force')).toMatchObject({ code: ExitCode.failed });
      proxy.judge = injectOn('login', 'refused', { times: 1_000 });
      const refused = await Promise.all([
        run('load', '--once'),
        run('transform', '--force'),
        run('status'),
        run('doctor'),
      ]);
      expect(refused.slice(0, 2)).toMatchObject(Array(2).fill({ code: ExitCode.credentialsRefused }));
      proxy.judge = () => undefined;

      expect(said.filter(({ stdout, stderr }) => isIn(stdout + stderr, canary))).toEqual([]);
      expect([...watch.found]).toEqual([]);
      expect([...watch.seen].some((args) => args.includes('cli.ts load --once'))).toBe(true);
      expect([...filesWith(canary, kafka.dataDir, since)]).toEqual([]);
      expect([...filesWith(canary, tmpdir(), since)]).toEqual([]);
      expect(existsSync(join(kafka.dataDir, 'dbt'))).toBe(true);
      expect(isIn(readFileSync(emulator.sqlLog, 'utf8'), canary)).toBe(false);
      expect(await topicsWith(canary)).toEqual([]);
      expect(await kafka.deadLetters()).not.toEqual([]);
      const { tables, found } = await tablesWith(canary, database);
      expect(tables).toBeGreaterThan(10);
      expect(found).toEqual([]);
    },
  );

  it('[S1] is detected in files, arguments, topics and tables', { tags: ['full'] }, async () => {
    const [canary] = makeCanaries() as [Canary];
    const [secret = ''] = canary.texts;
    const file = join(kafka.dataDir, 'leak');
    writeFileSync(file, 'x'.repeat(7_999_990) + secret);
    expect([...filesWith(canary, kafka.dataDir, since)]).toEqual([file]);
    using watch = new ArgumentWatch(canary);
    const leaking = spawn(process.execPath, ['--eval', 'setTimeout(() => {}, 60_000)', secret]);
    await until('the watch finds the secret', () => watch.found.size > 0, { timeoutMs: 10_000 });
    leaking.kill();
    await kafka.write(topics.movieIds.name, [{ key: '1', value: 'x', headers: { note: `of ${secret}` } }]);
    expect(await topicsWith(canary)).toEqual([topics.movieIds.name]);
    await using other = await session('NOTICED');
    await other.execute({ sql: `create table notes as select 'x ${secret}' as note` });
    expect((await tablesWith(canary, 'NOTICED')).found).toHaveLength(1);
    expect(isIn(readFileSync(emulator.sqlLog, 'utf8'), canary)).toBe(true);
  });
});
