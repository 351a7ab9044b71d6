import { join } from 'node:path';
import confluent from '@kafkajs/confluent-schema-registry';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { readTopic } from '../../../kafka/read-topic.ts';
import { walkPopular } from '../../../pipeline/discovery.ts';
import { fetchMovies } from '../../../pipeline/fetch-movies.ts';
import { endsOf, loadBronze } from '../../../pipeline/stages.ts';
import { openPlatform } from '../../../platform/platform.ts';
import { warehouseAccess } from '../../../platform/warehouse.ts';
import { type Sandbox, startSandbox } from '../../../sandbox/server.ts';
import { testContext } from '../../support/context.ts';
import { testKafka, uniqueName, writeMessages } from '../../support/kafka/broker.ts';
import { startSchemaRegistry, type TestRegistry } from '../../support/kafka/schema-registry.ts';
import { Workspace } from '../../support/processes/cli.ts';

const { SchemaRegistry } = confluent;

let sandbox: Sandbox;
let workspace: Workspace;
let registry: TestRegistry;
let prefix: string;

beforeEach(async () => {
  [sandbox, registry] = await Promise.all([startSandbox({ movies: 80, seed: 1, limit: null }), startSchemaRegistry()]);
  workspace = new Workspace({});
  prefix = `${uniqueName('registry')}.`;
});
afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  workspace[Symbol.dispose]();
});

const withRegistry = () => ({ SCHEMA_REGISTRY_URL: registry.url });
const environment = (more: Readonly<Record<string, string>>) => ({
  ...{ KAFKA_BROKERS: inject('brokers').join(), KAFKA_TOPIC_PREFIX: prefix, KAFKA_PARTITIONS: '1' },
  ...{ TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: 'any', TMDB_RATE_LIMIT: '1000/1s', ...more },
});
const contextOf = (more: Readonly<Record<string, string>>) =>
  testContext({ DATA_DIR: workspace.dataDir, ...environment(more) });

/** Loads all present records. @returns the number of rows in BRONZE. */
async function load(more: Readonly<Record<string, string>>): Promise<unknown> {
  const context = contextOf(more);
  {
    await using platform = openPlatform(context);
    const { rawMovies, rawGenres } = context.config.kafka.topics;
    await loadBronze(platform, context, { until: endsOf(platform, [rawMovies, rawGenres]) });
  }
  await using reader = await warehouseAccess(context).openReader();
  return Number((await reader.query('select count(*) as rows from bronze.raw_movies'))[0]?.['rows']);
}

/** Publishes and fetches the first pages of the list. */
async function fetchPages(pages: number, more: Readonly<Record<string, string>>): Promise<void> {
  const context = contextOf(more);
  await using platform = openPlatform(context);
  await walkPopular(platform, context, pages);
  await fetchMovies(platform, context, await endsOf(platform, [context.config.kafka.topics.movieIds]));
}

/** The values of a topic as Kafka holds them. */
async function valuesIn(topic: string): Promise<Buffer[]> {
  const values: Buffer[] = [];
  const kafka = testKafka();
  // Without a topic, this client knows no schema, and changes no value.
  const bare = Object.assign(kafka, { wire: { fromWire: async <T>(messages: T) => messages } });
  await readTopic(bare as never, topic, ({ value }) => value && values.push(value));
  return values;
}

it('[R164] [R165] a stock client reads what is written with the setting, and a topic in both formats loads and replays', async () => {
  await fetchPages(1, {});
  await fetchPages(2, withRegistry());
  const topic = `${prefix}tmdb.raw-movies`;
  const stock = new SchemaRegistry({ host: registry.url });
  const values = await valuesIn(topic);
  const framed = values.filter((value) => value[0] === 0);
  expect([values.length, framed.length]).toEqual([40, 20]);
  for (const value of framed) {
    const { movieId, body } = await stock.decode(value);
    expect(JSON.parse(String(body)).id).toBe(movieId);
  }
  const ids = await valuesIn(`${prefix}tmdb.movie-ids`);
  const asked = await Promise.all(ids.filter((value) => value[0] === 0).map((value) => stock.decode(value)));
  expect(asked.map(({ reason }) => reason)).toEqual(Array(20).fill('popular'));
  expect(await load(withRegistry())).toBe(40);
  // A new file: the whole topic again, also without the setting.
  expect(await load({ DUCKDB_PATH: join(workspace.dataDir, 'again.duckdb') })).toBe(40);
  const replayed = await workspace.run(['replay', 'raw', '--all', '--json'], environment({}));
  expect(replayed.code, replayed.stderr).toBe(0);
  expect(JSON.parse(replayed.stdout)).toMatchObject({ records: 40, added: 0 });
});

it('[R165] a record that a stock client wrote loads; one with an unknown id is parked unchanged', async () => {
  await fetchPages(1, withRegistry());
  const topic = `${prefix}tmdb.raw-movies`;
  const stock = new SchemaRegistry({ host: registry.url });
  const body = Buffer.from('{"id":999999}');
  const value = await stock.encode(registry.idsOf(`${topic}-value`)[0] ?? 0, {
    ...{ movieId: 999_999, sourceUrl: 'https://x', httpStatus: 200, fetchedAt: Date.now(), body },
  });
  const unknown = Buffer.from([0, 0, 0, 99, 99, ...value.subarray(5)]);
  await writeMessages(testKafka(), topic, [
    { key: '999999', value: unknown, partition: 0 },
    { key: '999999', value, partition: 0 },
  ]);
  expect(await load(withRegistry())).toBe(21);
  const letters = await valuesIn(`${prefix}tmdb.dead-letters`);
  expect(letters).toHaveLength(1);
  const letter = await stock.decode(letters[0] ?? Buffer.alloc(0));
  expect(letter).toMatchObject({ reason: 'undecodable_record', originValue: unknown });
});

it('[R164] a registry that refuses a schema ends the start before a record is written', async () => {
  registry.add(`${prefix}tmdb.raw-movies-value`, {
    ...{ type: 'record', name: 'Other', fields: [{ name: 'other', type: 'int' }] },
  });
  const secret = 'canary-password';
  const login = { SCHEMA_REGISTRY_USERNAME: 'me', SCHEMA_REGISTRY_PASSWORD: secret };
  const { code, stdout, stderr } = await workspace.run(
    ['produce', 'popular', '--json'],
    environment({ ...withRegistry(), ...login, LOG_LEVEL: 'debug' }),
  );
  expect(code, stderr).toBe(1);
  expect(stderr).toContain('"schema_refused"');
  expect(stderr).toContain('set the compatibility of the subject to BACKWARD');
  expect(registry.requests[0]?.authorization).toContain('Basic ');
  for (const form of [secret, Buffer.from(`me:${secret}`).toString('base64')])
    expect(stdout + stderr).not.toContain(form);
  expect(await valuesIn(`${prefix}tmdb.movie-ids`)).toEqual([]);
});
