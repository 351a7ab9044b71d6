import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { Admin } from 'kafkajs';
import { type LocalBroker, startLocalBroker } from '../../../kafka/broker/local-broker.ts';
import { freePorts } from '../../../runtime/free-ports.ts';
import { until } from '../processes/fleet.ts';
import { withAdmin } from './broker.ts';
import { jarsDir } from './broker-setup.ts';
import { plainClient } from './client.ts';

/** A broker needs 100 to 120 MB of heap; three brokers run beside a fleet. */
const heapMb = 256;

const offsetPartitions = 4;

/** Every topic, Kafka's own included, has a copy on each broker, and a write needs two of them. */
const replicated = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'offsets.topic.num.partitions': String(offsetPartitions),
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  // Kafka's default: a new group waits for its members.
  'group.initial.rebalance.delay.ms': '3000',
};

interface Node {
  readonly address: string;
  readonly options: Parameters<typeof startLocalBroker>[0];
  broker: LocalBroker | undefined;
}

/**
 * A cluster of three brokers (KRaft, each a controller too), from the jars of the local broker. Topics have three replicas
 * and `min.insync.replicas` 2: one broker may be down without an outage. A broker restarts on the same port.
 */
export class ThreeBrokers implements AsyncDisposable {
  readonly #nodes: readonly Node[];

  private constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
  }

  /**
   * @param dataDir of the first broker; those of the others end in `-2` and `-3`.
   * @param properties of every broker, in addition to those of a cluster of three.
   */
  static async start(dataDir: string, properties: Readonly<Record<string, string>> = {}): Promise<ThreeBrokers> {
    const free = await freePorts(6);
    const ports = [0, 2, 4].map((first) => free.slice(first, first + 2));
    const voters = ports.map(([, controller], index) => `${index + 1}@127.0.0.1:${controller}`).join();
    const clusterId = randomBytes(16).toString('base64url');
    const cluster = new ThreeBrokers(
      ports.map(([client, controller], index) => {
        const address = `127.0.0.1:${client}`;
        const own = {
          'node.id': String(index + 1),
          'controller.quorum.voters': voters,
          listeners: `PLAINTEXT://${address},CONTROLLER://127.0.0.1:${controller}`,
          'advertised.listeners': `PLAINTEXT://${address}`,
        };
        const options = {
          jarsDir,
          clusterId,
          heapMb,
          isOpen: true,
          properties: { ...replicated, ...own, ...properties },
        };
        return {
          address,
          options: { ...options, dataDir: index === 0 ? dataDir : `${dataDir}-${index + 1}` },
          broker: undefined,
        };
      }),
    );
    try {
      // At the same time: each waits until two of three run.
      await Promise.all(cluster.#nodes.map((_, index) => cluster.startOne(index)));
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** `host:port` of each, by its index: 0, 1, 2. */
  get addresses(): readonly string[] {
    return this.#nodes.map(({ address }) => address);
  }

  /** The indexes of the running brokers. */
  get running(): readonly number[] {
    return this.#nodes.flatMap(({ broker }, index) => (broker ? [index] : []));
  }

  async startOne(index: number): Promise<void> {
    const node = this.#nodeAt(index);
    node.broker ??= await startLocalBroker(node.options);
  }

  /** kill -9. */
  async kill(index: number): Promise<void> {
    const { broker } = this.#nodeAt(index);
    if (broker) process.kill(broker.pid, 'SIGKILL');
    await this.stop(index);
  }

  /** kill -9, and the loss of its disk: it comes back empty. */
  async loseDisk(index: number): Promise<void> {
    await this.kill(index);
    await rm(this.#nodeAt(index).options.dataDir, { recursive: true, force: true });
  }

  /** SIGTERM: the broker hands over its leaderships first. */
  async stop(index: number): Promise<void> {
    const node = this.#nodeAt(index);
    const { broker } = node;
    node.broker = undefined;
    await broker?.[Symbol.asyncDispose]();
  }

  /** SIGSTOP: its connections stay open, but it does not answer. `resume` ends it. */
  pause(index: number): void {
    process.kill(this.#nodeAt(index).broker?.pid ?? 0, 'SIGSTOP');
  }

  resume(index: number): void {
    process.kill(this.#nodeAt(index).broker?.pid ?? 0, 'SIGCONT');
  }

  /** The index of the broker that coordinates an existing consumer group; null while there is none. */
  coordinatorOf(group: string): Promise<number | null> {
    // As Kafka does it: by Java's hash of the name.
    const hash = [...group].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) | 0, 0);
    return this.leaderOf('__consumer_offsets', (hash & 0x7fffffff) % offsetPartitions);
  }

  /** The index of the broker that leads a partition; null while there is none. */
  async leaderOf(topic: string, partition = 0): Promise<number | null> {
    const { topics } = await this.#admin((admin) => admin.fetchTopicMetadata({ topics: [topic] }));
    const leader = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition)?.leader ?? -1;
    return leader < 0 ? null : leader - 1;
  }

  /** Waits until every partition has a leader and three replicas in sync, so that the next broker may be lost. */
  async untilInSync(topics: readonly string[], timeoutMs = 60_000): Promise<void> {
    const inSync = async () => {
      const answer = await this.#admin((admin) => admin.fetchTopicMetadata({ topics: [...topics] }));
      return answer.topics.every(({ partitions }) =>
        partitions.every(({ isr, leader }) => leader > 0 && isr.length === 3),
      );
    };
    await until('all replicas are in sync', () => inSync().catch(() => false), { timeoutMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A paused broker could not end, and a broker cannot hand over to brokers that have ended.
    await Promise.all(this.running.map((index) => this.kill(index)));
  }

  #admin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    return withAdmin(plainClient(this.running.map((index) => this.#nodeAt(index).address)), use);
  }

  #nodeAt(index: number): Node {
    const node = this.#nodes[index];
    if (!node) throw new Error(`there is no broker ${index}`);
    return node;
  }
}
