import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { Broker } from '../../../kafka/broker/broker.ts';
import { startLocalBroker } from '../../../kafka/broker/local-broker.ts';
import type { Kafka as Client } from '../../../kafka/client.ts';
import type { Context } from '../../../platform/context.ts';
import { openPlatform, type Platform } from '../../../platform/platform.ts';
import { testContext } from '../context.ts';
import { type Outcome, Workspace } from '../processes/cli.ts';
import { withAdmin } from './broker.ts';
import { jarsDir } from './broker-setup.ts';
import { plainClient } from './client.ts';
import { formatByCopy } from './formatted-folder.ts';
import { topicNames } from './topics.ts';

/** A broker for one test file, for code that uses our topic names. Each test begins with empty topics. */
export class OwnKafka implements AsyncDisposable {
  readonly #broker: Broker;
  readonly #dataDir: string;

  private constructor(broker: Broker, dataDir: string) {
    this.#broker = broker;
    this.#dataDir = dataDir;
  }

  /** @param properties of the broker. */
  static async start(properties: Readonly<Record<string, string>> = {}): Promise<OwnKafka> {
    const dataDir = await mkdtemp(join(tmpdir(), 'tmdb-stream-own-kafka-'));
    formatByCopy(dataDir);
    return new OwnKafka(await startLocalBroker({ dataDir, jarsDir, properties, isOpen: true }), dataDir);
  }

  get brokers(): readonly string[] {
    return this.#broker.brokers;
  }

  /** Empty topics, an empty data folder, and clients of the real platform. */
  async begin(): Promise<Stage> {
    const env = { KAFKA_BROKERS: this.#broker.brokers.join(), KAFKA_PARTITIONS: '2' };
    const client = plainClient(this.#broker.brokers);
    await withAdmin(client, async (admin) => {
      const ours = new Set<string>(topicNames);
      const there = async () => (await admin.listTopics()).filter((topic) => ours.has(topic));
      await admin.deleteTopics({ topics: await there() });
      // Until then, the topics cannot be created again.
      await vi.waitUntil(async () => (await there()).length === 0, { timeout: 20_000, interval: 50 });
    });
    const workspace = new Workspace(env);
    const context = testContext({ DATA_DIR: workspace.dataDir, ...env });
    const platform = openPlatform(context);
    return new Stage({ context, platform, client, kafka: await platform.kafka() }, workspace);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#broker[Symbol.asyncDispose]();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}

/** The resources of one test. */
export class Stage implements AsyncDisposable {
  readonly context: Context;
  readonly platform: Platform;
  readonly kafka: Awaited<ReturnType<Platform['kafka']>>;
  /** A client for operations that the stages never do. */
  readonly client: Client;
  readonly #workspace: Workspace;

  constructor(
    { context, platform, kafka, client }: Pick<Stage, 'context' | 'platform' | 'kafka' | 'client'>,
    workspace: Workspace,
  ) {
    this.context = context;
    this.platform = platform;
    this.kafka = kafka;
    this.client = client;
    this.#workspace = workspace;
  }

  /** Runs the command line as a user would. */
  run(args: readonly string[]): Promise<Outcome> {
    return this.#workspace.run(args);
  }

  /** The end offset of each partition of our topics. If they stay the same, nothing was written. */
  async ends(): Promise<Record<string, readonly (readonly [number, bigint])[]>> {
    const entries = topicNames.map(async (topic) => {
      const { high } = await this.kafka.cluster.admin.topicOffsets(topic);
      return [topic, [...high].toSorted(([a], [b]) => a - b)] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.platform[Symbol.asyncDispose]();
    this.#workspace[Symbol.dispose]();
  }
}
