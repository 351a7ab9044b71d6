import { inject } from 'vitest';
import type { Gap } from '../../../kafka/gap.ts';
import { walkPopular } from '../../../pipeline/discovery.ts';
import { fetchMovies } from '../../../pipeline/fetch-movies.ts';
import { endsOf, loadBronze } from '../../../pipeline/stages.ts';
import type { Context } from '../../../platform/context.ts';
import { openPlatform } from '../../../platform/platform.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { noProgress } from '../../../runtime/progress.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../../sandbox/server.ts';
import { openDuckDbReader } from '../../../warehouse/duckdb/reader.ts';
import { testContext } from '../context.ts';
import { type Outcome, Workspace } from '../processes/cli.ts';
import { duckDbOf } from '../warehouse/duckdb-of.ts';

interface MoreOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly sandbox?: SandboxOptions;
}

/** One deployment on the broker that all tests share, with a prefix, a sandbox and a data folder of its own. */
export class Deployment implements AsyncDisposable {
  readonly context: Context;
  /** The messages about what it waits for, as its user sees them. */
  readonly waits: string[];
  readonly sandbox: Sandbox;
  readonly #workspace: Workspace;

  private constructor(context: Context, sandbox: Sandbox, workspace: Workspace, waits: string[]) {
    this.context = context;
    this.waits = waits;
    this.#workspace = workspace;
    this.sandbox = sandbox;
  }

  /** @param seed of the invented movies: another seed gives other movies. @param more settings, and what the sandbox is given. */
  static async open(prefix: string, seed: number, more: MoreOptions = {}): Promise<Deployment> {
    const sandbox = await startSandbox({ movies: 100, seed, limit: null, ...more.sandbox });
    const env = {
      ...{ KAFKA_BROKERS: inject('brokers').join(), KAFKA_TOPIC_PREFIX: prefix, KAFKA_PARTITIONS: '2' },
      ...{ TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: 'any', TMDB_RATE_LIMIT: '1000/1s', ...more.env },
    };
    const workspace = new Workspace(env);
    const waits: string[] = [];
    const progress = { ...noProgress, wait: (text: string) => void waits.push(text) };
    const context = testContext({ DATA_DIR: workspace.dataDir, ...env }, { progress });
    return new Deployment(context, sandbox, workspace, waits);
  }

  /** Creates its topics without records. */
  async createTopics(): Promise<void> {
    await using platform = openPlatform(this.context);
    await platform.kafka();
  }

  /** Runs the command line as a user would. */
  run(...args: readonly string[]): Promise<Outcome> {
    return this.#workspace.run(args);
  }

  /** Walks one page. @returns the number of published ids. */
  async walk(): Promise<number> {
    await using platform = openPlatform(this.context);
    return (await walkPopular(platform, this.context, 1)).published;
  }

  /** Fetches the movies of all waiting ids. @returns their number. */
  async fetch(): Promise<number> {
    await using platform = openPlatform(this.context);
    const { movieIds } = this.context.config.kafka.topics;
    const ids = await endsOf(platform, [movieIds]);
    return (await fetchMovies(platform, this.context, ids)).fetched;
  }

  /** Loads the present records of Kafka. @returns the number of new rows. */
  async load(acceptedGaps: readonly Gap[] = []): Promise<number> {
    await using platform = openPlatform(this.context);
    const { rawMovies, rawGenres } = this.context.config.kafka.topics;
    return (await loadBronze(platform, this.context, { until: endsOf(platform, [rawMovies, rawGenres]), acceptedGaps }))
      .rows;
  }

  /** Walks one page, fetches its movies and loads them. @returns the counts of the stages. */
  async ingest() {
    return { published: await this.walk(), fetched: await this.fetch(), rows: await this.load() };
  }

  async movies(): Promise<number[]> {
    const { duckdbPath: path, lockWaitMs } = duckDbOf(this.context.config);
    await using reader = await openDuckDbReader({ path, lockWaitMs, clock: systemClock });
    const rows = await reader.query('select movie_id from bronze.raw_movies order by movie_id');
    return rows.map((row) => Number(row['movie_id']));
  }

  /** The ids that its sandbox lists on the first page. */
  async listed(): Promise<number[]> {
    const response = await fetch(`${this.sandbox.url}/movie/popular?page=1`, {
      headers: { authorization: 'Bearer any' },
    });
    const { results } = (await response.json()) as { readonly results: readonly { readonly id: number }[] };
    return results.map(({ id }) => id).toSorted((a, b) => a - b);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox[Symbol.asyncDispose]();
    this.#workspace[Symbol.dispose]();
  }
}
