import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { walkPopular } from '../../pipeline/discovery.ts';
import { examine } from '../../pipeline/doctor.ts';
import { fetchMovies } from '../../pipeline/fetch-movies.ts';
import { topicsOfOtherPrefixes } from '../../pipeline/other-prefix.ts';
import { endsOf, loadBronze } from '../../pipeline/stages.ts';
import { openPlatform } from '../../platform/platform.ts';
import { warehouseAccess } from '../../platform/warehouse.ts';
import { writeJournal } from '../../replay/journal.ts';
import { journalOf, nameOfBackfill } from '../../replay/names.ts';
import { type Sandbox, startSandbox } from '../../sandbox/server.ts';
import { testContext } from '../support/context.ts';
import { uniqueName } from '../support/kafka/broker.ts';
import { Workspace } from '../support/processes/cli.ts';

describe('two values of KAFKA_TOPIC_PREFIX with the same DATA_DIR', () => {
  let sandbox: Sandbox;
  let workspace: Workspace;
  const [blue, green] = [`${uniqueName('blue')}.`, `${uniqueName('green')}.`];
  const environment = (prefix: string) => ({
    ...{ KAFKA_BROKERS: inject('brokers').join(), KAFKA_TOPIC_PREFIX: prefix, KAFKA_PARTITIONS: '2' },
    ...{ TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: 'any', TMDB_RATE_LIMIT: '1000/1s' },
  });
  const contextOf = (prefix: string) => testContext({ DATA_DIR: workspace.dataDir, ...environment(prefix) });
  const ingest = async (prefix: string): Promise<void> => {
    const context = contextOf(prefix);
    await using platform = openPlatform(context);
    const { movieIds, rawMovies, rawGenres } = context.config.kafka.topics;
    await walkPopular(platform, context, 1);
    await fetchMovies(platform, context, await endsOf(platform, [movieIds]));
    await loadBronze(platform, context, { until: endsOf(platform, [rawMovies, rawGenres]) });
  };
  /** Begins `replay raw --all` and reads nothing, as if it were killed. @param name of the backfill. */
  const interruptRaw = async (prefix: string, name: string): Promise<void> => {
    const context = contextOf(prefix);
    await using platform = openPlatform(context);
    const { cluster, clusterId } = await platform.kafka();
    const topic = cluster.topics.rawMovies.name;
    const topicId = await cluster.admin.topicId(topic);
    const { high } = await cluster.admin.topicOffsets(topic);
    await using backfill = await warehouseAccess(context).openBackfill(name);
    await backfill.begin(
      [...high].map(([partition, end]) => ({ partition: { clusterId, topic, topicId, partition }, from: 0n, end })),
    );
  };

  beforeEach(async () => {
    sandbox = await startSandbox({ movies: 40, seed: 1, limit: null });
    workspace = new Workspace({});
  });
  afterEach(async () => {
    await sandbox[Symbol.asyncDispose]();
    workspace[Symbol.dispose]();
  });

  it('an interrupted replay of raw records resumes under its own prefix only, and delays none under the other', {
    tags: ['full'],
  }, async () => {
    await ingest(blue);
    const topicOf = (prefix: string) => contextOf(prefix).config.kafka.topics.rawMovies.name;
    await interruptRaw(blue, nameOfBackfill(topicOf(blue), '--all'));
    await ingest(green);
    const replay = (prefix: string) => workspace.run(['replay', 'raw', '--all', '--json'], environment(prefix));
    const [ofGreen, ofBlue] = [await replay(green), await replay(blue)];
    for (const { code, stdout, stderr } of [ofGreen, ofBlue]) {
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ records: 20, added: 0 });
    }
    // An older version gave the replays of all prefixes the same name as those without a prefix.
    await interruptRaw(blue, nameOfBackfill(topicOf(green), '--all'));
    const refused = await replay(green);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`a replay of ${topicOf(blue)} with this selection is not finished`);
    const restarted = await workspace.run(['replay', 'raw', '--all', '--restart', '--json'], environment(green));
    expect(restarted.code, restarted.stderr).toBe(0);
  });

  it('doctor names the topics of the other prefix whose records are in BRONZE', { tags: ['full'] }, async () => {
    await ingest(blue);
    const othersOf = async (prefix: string) => {
      const context = contextOf(prefix);
      await using reader = await warehouseAccess(context).openReader();
      return await topicsOfOtherPrefixes(context, reader);
    };
    expect(await othersOf(blue)).toEqual([]);
    expect(await othersOf(green)).toEqual([`${blue}tmdb.raw-movies`]);
    const notes = (await examine(contextOf(green))).filter(({ check }) => check === 'warehouse');
    const detail = expect.stringContaining(`BRONZE has records of ${blue}tmdb.raw-movies`);
    expect(notes).toMatchObject([{ verdict: 'ok' }, { verdict: 'warn', detail }]);
  });

  it('a replay of ids keeps the journal of the other prefix', async () => {
    await ingest(green);
    const { dataDir, kafka } = contextOf(blue).config;
    const journal = journalOf(dataDir, kafka.topics.movieIds.name);
    for (const path of [journal, join(dataDir, 'replay-ids.json')]) {
      writeJournal(path, { selection: '--all', startedAt: Date.now() + 3_600_000 });
    }
    const { code, stdout, stderr } = await workspace.run(['replay', 'ids', '--all', '--json'], environment(green));
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ records: 20, alreadyAsked: 0 });
    expect([journal, join(dataDir, 'replay-ids.json')].map((path) => existsSync(path))).toEqual([true, true]);
  });
});
