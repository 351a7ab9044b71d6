import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { endsOf, fetchMovies, loadBronze, walkPopular } from '../../pipeline/stages.ts';
import { loadConfig } from '../../platform/config.ts';
import type { Context } from '../../platform/context.ts';
import { openPlatform } from '../../platform/platform.ts';
import { systemClock } from '../../runtime/clock.ts';
import { Health } from '../../runtime/health.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { noProgress } from '../../runtime/progress.ts';
import { type Sandbox, startSandbox } from '../../sandbox/server.ts';
import { openDuckDbReader } from '../../warehouse/duckdb/reader.ts';
import { silent, testKafka, uniqueName, withAdmin } from '../support/kafka/broker.ts';
import { Workspace } from '../support/processes/cli.ts';
import { duckDbOf } from '../support/warehouse/duckdb-of.ts';

const moviesOfPage = 20;

/** One deployment on the broker that all tests share. Its sandbox invents movies of its own. */
class Deployment implements AsyncDisposable {
  readonly context: Context;
  readonly #sandbox: Sandbox;
  readonly #workspace: Workspace;

  private constructor(context: Context, sandbox: Sandbox, workspace: Workspace) {
    this.context = context;
    this.#sandbox = sandbox;
    this.#workspace = workspace;
  }

  static async open(prefix: string, seed: number): Promise<Deployment> {
    const sandbox = await startSandbox({ movies: 100, seed, limit: null });
    const workspace = new Workspace({});
    const config = loadConfig({
      ...{ DATA_DIR: workspace.dataDir, KAFKA_BROKERS: inject('brokers').join(), KAFKA_TOPIC_PREFIX: prefix },
      ...{ TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: 'any', TMDB_RATE_LIMIT: '1000/1s', KAFKA_PARTITIONS: '2' },
    });
    const context = {
      ...{ config, log: silent, progress: noProgress, metrics: createMetrics('test') },
      ...{ signal: new AbortController().signal, health: new Health(systemClock) },
    };
    return new Deployment(context, sandbox, workspace);
  }

  /** Walks one page, fetches its movies and loads them. @returns the counts of the stages. */
  async ingest() {
    await using platform = openPlatform(this.context);
    const { movieIds, rawMovies, rawGenres } = this.context.config.kafka.topics;
    const { published } = await walkPopular(platform, this.context, 1);
    const ids = (await endsOf(platform, [movieIds])).get(movieIds.name);
    const { fetched } = await fetchMovies(platform, this.context, ids);
    const { rows } = await loadBronze(platform, this.context, { until: endsOf(platform, [rawMovies, rawGenres]) });
    return { published, fetched, rows };
  }

  async movies(): Promise<number[]> {
    const { duckdbPath: path, lockWaitMs } = duckDbOf(this.context.config);
    await using reader = await openDuckDbReader({ path, lockWaitMs, clock: systemClock });
    const rows = await reader.query('select movie_id from bronze.raw_movies order by movie_id');
    return rows.map((row) => Number(row['movie_id']));
  }

  /** The ids that its sandbox lists on the first page. */
  async listed(): Promise<number[]> {
    const response = await fetch(`${this.#sandbox.url}/movie/popular?page=1`, {
      headers: { authorization: 'Bearer any' },
    });
    const { results } = (await response.json()) as { readonly results: readonly { readonly id: number }[] };
    return results.map(({ id }) => id).toSorted((a, b) => a - b);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sandbox[Symbol.asyncDispose]();
    this.#workspace[Symbol.dispose]();
  }
}

describe('two deployments with different prefixes on one broker', () => {
  const prefixes = [`${uniqueName('blue')}.`, `${uniqueName('green')}.`];
  let blue: Deployment;
  let green: Deployment;

  beforeAll(async () => {
    [blue, green] = await Promise.all([Deployment.open(prefixes[0] ?? '', 1), Deployment.open(prefixes[1] ?? '', 2)]);
  });
  afterAll(async () => {
    await Promise.all([blue[Symbol.asyncDispose](), green[Symbol.asyncDispose]()]);
  });

  it('[R115] each publish, fetch and load their own movies at the same time, and no record of the other', async () => {
    const counts = { published: moviesOfPage, fetched: moviesOfPage, rows: moviesOfPage };
    expect(await Promise.all([blue.ingest(), green.ingest()])).toEqual([counts, counts]);
    const [ofBlue, ofGreen] = await Promise.all([blue.movies(), green.movies()]);
    expect(ofBlue).toEqual(await blue.listed());
    expect(ofGreen).toEqual(await green.listed());
    expect(ofBlue).not.toEqual(ofGreen);
  });

  it('[R115] create only topics and groups whose names begin with their prefix, and leave no other group behind', async () => {
    const [topics, groups] = await withAdmin(testKafka(), async (admin) => [
      await admin.listTopics(),
      (await admin.listGroups()).groups.map(({ groupId }) => groupId),
    ]);
    for (const prefix of prefixes) {
      const own = (names: readonly string[]) => names.filter((name) => name.startsWith(prefix)).toSorted();
      expect(own(topics)).toEqual(
        ['dead-letters', 'movie-ids', 'raw-genres', 'raw-movies'].map((name) => `${prefix}tmdb.${name}`),
      );
      expect(own(groups)).toEqual(['bronze-loader', 'movie-details'].map((name) => `${prefix}${name}`));
    }
    // The tests that share the broker have topics of their own, and none has the names of a deployment without a prefix.
    expect(topics.filter((name) => name.startsWith('tmdb.'))).toEqual([]);
    expect(groups.filter((name) => ['bronze-loader', 'movie-details'].includes(name))).toEqual([]);
  });

  it('[R115] find nothing to do the second time, whatever the other one has done', async () => {
    expect(await blue.ingest()).toEqual({ published: 0, fetched: 0, rows: 0 });
    expect(await blue.movies()).toEqual(await blue.listed());
  });
});
