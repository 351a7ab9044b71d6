import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import kafkajs, { type Message } from 'kafkajs';
import { vi } from 'vitest';
import type { MovieOutcome } from '../../../consumers/fetcher.ts';
import { createAdmin } from '../../../kafka/admin.ts';
import type { Kafka } from '../../../kafka/client.ts';
import { readTopic } from '../../../kafka/read-topic.ts';
import type { Offsets } from '../../../kafka/topic.ts';
import { fetchMovies } from '../../../pipeline/fetch-movies.ts';
import { endsOf, type Loaded, loadBronze } from '../../../pipeline/stages.ts';
import type { Context } from '../../../platform/context.ts';
import { openPlatform, type Platform } from '../../../platform/platform.ts';
import { GeneratedCatalogue } from '../../../sandbox/catalogue-generated.ts';
import { type Sandbox, startSandbox } from '../../../sandbox/server.ts';
import { deadLetterCodec, movieIdCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import type { RawMovie } from '../../../schemas/records.ts';
import { type AuditReport, audit } from '../audit/audit.ts';
import { testContext } from '../context.ts';
import { FaultProxy } from '../network/fault-proxy.ts';
import { advertisedAs } from '../network/network-fleet.ts';
import { type Outcome, Workspace } from '../processes/cli.ts';
import { FleetBroker } from '../processes/fleet.ts';
import { withAdmin } from './broker.ts';
import { plainClient } from './client.ts';
import { topicNames, topics } from './topics.ts';

const { ConfigResourceTypes, Partitioners } = kafkajs;

/** The number of movies in the sandbox that a fetcher on this fixture uses. */
export const sandboxMovies = 400;

/** A stage that runs in this process until it is stopped or disposed of. */
export interface RunningStage<T> extends AsyncDisposable {
  /** What the stage returned or threw. */
  readonly ended: Promise<T>;
  /** Rows that it has loaded so far. */
  rows(): Promise<number>;
  /** Drains it. @returns `ended`. */
  stop(): Promise<T>;
}

/**
 * A real broker behind a proxy, for stages one at a time: in this process, or as commands. Each test gets new topics and a
 * new DuckDB file.
 */
export class KafkaFixture implements AsyncDisposable {
  readonly dataDir: string;
  readonly proxy: FaultProxy;
  readonly broker: FleetBroker;
  readonly kafka: Kafka;
  readonly #workspace: Workspace;
  #files = 0;
  #fileDir: string;

  private constructor(workspace: Workspace, proxy: FaultProxy, broker: FleetBroker) {
    this.#workspace = workspace;
    this.dataDir = workspace.dataDir;
    this.#fileDir = workspace.dataDir;
    this.proxy = proxy;
    this.broker = broker;
    this.kafka = plainClient([proxy.address]);
  }

  /** @param properties additional properties of the broker. */
  static async open(properties: Readonly<Record<string, string>> = {}): Promise<KafkaFixture> {
    const workspace = new Workspace();
    const proxy = await FaultProxy.start();
    const broker = await FleetBroker.start(join(workspace.dataDir, 'kafka'), {
      properties: { ...advertisedAs(proxy), 'group.initial.rebalance.delay.ms': '0', ...properties },
    });
    proxy.pointTo(broker.address);
    return new KafkaFixture(workspace, proxy, broker);
  }

  get duckdbPath(): string {
    return join(this.#fileDir, `${this.#files}.duckdb`);
  }

  /** Settings of every stage; `env` wins. */
  settings(env: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      DATA_DIR: this.dataDir,
      DUCKDB_PATH: this.duckdbPath,
      KAFKA_BROKERS: this.proxy.address,
      KAFKA_SESSION_TIMEOUT: '2s',
      LOAD_MAX_AGE: '200ms',
      TMDB_TOKEN: 'any',
      ...env,
    };
  }

  /** Creates our topics, empty, and names a file that does not exist yet. */
  async recreate(partitions = 2): Promise<void> {
    this.newFile();
    await this.deleteTopics(topicNames);
    await this.ensureTopics(partitions);
  }

  /** From now on all stages use a new DuckDB file. */
  newFile(folder = this.dataDir): void {
    this.#fileDir = folder;
    this.#files += 1;
  }

  /** Deletes existing topics, and waits until they are gone: until then, no process can create topics with the same names. */
  async deleteTopics(names: readonly string[]): Promise<void> {
    await withAdmin(this.kafka, async (admin) => {
      const there = async () => (await admin.listTopics()).filter((topic) => names.some((name) => name === topic));
      const old = await there();
      if (old.length > 0) await admin.deleteTopics({ topics: old });
      await vi.waitUntil(async () => (await there()).length === 0, { timeout: 20_000, interval: 50 });
    });
  }

  /** Creates our missing topics, and waits until each partition's leader answers, which takes a while on a busy machine. */
  async ensureTopics(partitions: number): Promise<void> {
    await using admin = createAdmin(this.kafka);
    await admin.ensureTopics({
      partitions,
      replicationFactor: 1,
      rawRetentionMs: 12_960_000_000,
      maxBodyBytes: 4_000_000,
    });
    const allOffsets = () => Promise.all(topicNames.map((topic) => admin.topicOffsets(topic)));
    await vi.waitFor(allOffsets, { timeout: 60_000, interval: 100 });
  }

  /** Sets a topic's settings. All other settings get their default value. */
  async configure(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }];
    await withAdmin(this.kafka, (admin) => admin.alterConfigs({ validateOnly: false, resources }));
  }

  /** Publishes answers about the movies `from + 1`, `from + 2`, ... @param bytes of each document. */
  publish(count: number, { from = 0, bytes = 500 } = {}): Promise<void> {
    const movies = Array.from({ length: count }, (_, index) => rawMovie(from + index + 1, bytes));
    const messages = movies.map((movie) => ({ key: String(movie.movieId), value: rawMovieCodec.encode(movie) }));
    return this.write(topics.rawMovies.name, messages, Math.ceil(5_000_000 / Math.max(bytes, 200_000)));
  }

  /** Publishes ids of the sandbox's popular list, from rank `from` on. @param movies the number of movies in the sandbox. */
  publishIds(count: number, from = 0, movies = sandboxMovies): Promise<void> {
    const catalogue = new GeneratedCatalogue({ seed: 1, movies });
    const asked = { reason: 'manual', page: null, rank: null, requestedAt: new Date() } as const;
    const ids = Array.from({ length: count }, (_, index) => catalogue.idAtRank(from + index));
    return this.write(
      topics.movieIds.name,
      ids.map((movieId) => ({ key: String(movieId), value: movieIdCodec.encode({ movieId, ...asked }) })),
    );
  }

  /**
   * Writes records unchanged, each once, however often the client must retry.
   * @param perRequest the maximum number per request: Kafka accepts at most the bytes of one large record in a request.
   */
  async write(topic: string, messages: readonly Message[], perRequest = 25): Promise<void> {
    const producer = this.kafka.producer({
      ...{ idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner },
    });
    await producer.connect();
    try {
      for (let from = 0; from < messages.length; from += perRequest) {
        await producer.send({ topic, messages: messages.slice(from, from + perRequest) });
      }
    } finally {
      await producer.disconnect();
    }
  }

  /** Origin and reason of each dead letter, in order. */
  async deadLetters(): Promise<[string, string][]> {
    const found: [string, string][] = [];
    await readTopic(this.kafka, topics.deadLetters.name, ({ key, value }) => {
      if (value) found.push([String(key), deadLetterCodec.decode(value).reason]);
    });
    return found.sort();
  }

  /** Runs `work` with its own platform, as the command line does. */
  start<T>(
    work: (platform: Platform, context: Context) => Promise<T>,
    env: Readonly<Record<string, string>> = {},
  ): RunningStage<T> {
    const stop = new AbortController();
    const context = testContext(this.settings(env), { signal: stop.signal });
    const run = async () => {
      await using platform = openPlatform(context);
      return await work(platform, context);
    };
    const ended = run();
    ended.catch(() => {});
    const stopNow = () => {
      stop.abort(new Error('stopped by the test'));
      return ended;
    };
    return {
      ended,
      rows: async () => (await context.metrics.bronzeRows.get()).values.reduce((sum, { value }) => sum + value, 0),
      stop: stopNow,
      [Symbol.asyncDispose]: async () => void (await stopNow().catch(() => {})),
    };
  }

  /** A loader that runs until it is stopped. */
  startLoader(env: Readonly<Record<string, string>> = {}): RunningStage<Loaded> {
    return this.start((platform, context) => loadBronze(platform, context), env);
  }

  /** Loads all present records. */
  loadOnce(env: Readonly<Record<string, string>> = {}): Promise<Loaded> {
    const work = async (platform: Platform, context: Context) => {
      // Refused topics end the loader here, while nothing else is running.
      await platform.kafka();
      const until = endsOf(platform, [topics.rawMovies, topics.rawGenres]);
      return loadBronze(platform, context, { until });
    };
    return this.start(work, env).ended;
  }

  /** Fetches the movies of all waiting ids. @param onStarted is called after the topics are checked and before the first fetch. */
  fetchOnce(sandbox: Sandbox, onStarted = async () => {}): Promise<Record<MovieOutcome, number>> {
    const work = async (platform: Platform, context: Context) => {
      await platform.kafka();
      await onStarted();
      const until = await endsOf(platform, [topics.movieIds, topics.movieIdsBackfill]);
      return fetchMovies(platform, context, until);
    };
    return this.start(work, { TMDB_BASE_URL: sandbox.url, TMDB_RATE_LIMIT: '1000/1s' }).ended;
  }

  /** Runs the command line in a separate process. */
  cli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    return this.#workspace.run(args, this.settings(env));
  }

  /** As above, but returns the running process, which a test can watch and signal. */
  spawn(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    return this.#workspace.start(args, this.settings(env));
  }

  /** The audit of the present file, up to BRONZE. No loader may use the file meanwhile, because a process has only one lock on it. */
  audit(): Promise<AuditReport> {
    return audit(
      { dataDir: this.dataDir, duckdbPath: this.duckdbPath },
      { brokers: [this.proxy.address], onlyBronze: true },
    );
  }

  async ends(topic: string): Promise<Offsets> {
    await using admin = createAdmin(this.kafka);
    return (await admin.topicOffsets(topic)).high;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
    this.#workspace[Symbol.dispose]();
  }
}

/** The fixture, and a sandbox without a limit for its fetchers. @param properties additional properties of the broker. */
export const openWithSandbox = (properties: Readonly<Record<string, string>> = {}): Promise<[KafkaFixture, Sandbox]> =>
  Promise.all([KafkaFixture.open(properties), startSandbox({ movies: sandboxMovies, limit: null })]);

/** TMDb's answer about a movie, with the fields that the loader reads. It does not compress well. @param bytes of the document. */
export const rawMovie = (movieId: number, bytes = 500): RawMovie => ({
  movieId,
  sourceUrl: `https://api.themoviedb.org/3/movie/${movieId}`,
  httpStatus: 200,
  fetchedAt: new Date(),
  body: Buffer.from(JSON.stringify({ id: movieId, overview: randomBytes(Math.ceil(bytes * 0.75)).toString('base64') })),
});
