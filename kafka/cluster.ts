import type { Topic, Topics } from '../schemas/topics.ts';
import { createAdmin } from './admin.ts';
import { AdminConnection } from './admin-connection.ts';
import { createKafka, type KafkaOptions } from './client.ts';
import type { KafkaAdmin } from './cluster-admin.ts';
import { createPartitionSource, type PartitionSourceOptions } from './partition-source.ts';
import { readTopic } from './read-topic.ts';
import { createRecordSource, type RecordSourceOptions } from './record-source.ts';
import { openProducer } from './sink.ts';
import type { ConsumerRecord, PartitionSource, RecordSource, Sink } from './topic.ts';

/** What features receive of Kafka. No type of the vendor's client is in it, and nothing connects before it is used. */
export interface KafkaCluster {
  /** The topics of this deployment. */
  readonly topics: Topics;
  /** Topics, groups and offsets. */
  readonly admin: KafkaAdmin;
  /** Writes one topic. A value of null is written as a tombstone. */
  sink<T>(topic: Topic<T>): Sink<T | null>;
  /** Reads a topic record by record; Kafka holds the position. */
  recordSource(topic: Topic, options: Omit<RecordSourceOptions, 'topic'>): RecordSource;
  /** Reads topics batch by batch; the handler holds the positions. */
  partitionSource(topics: readonly Topic[], options: Omit<PartitionSourceOptions, 'topics'>): PartitionSource;
  /**
   * Reads a topic once, from its first record to the last that is there now; records of a partition come in order, one at
   * a time: a promise of `onRecord` is awaited. Unusable records go only to `onUnusable`. Leaves no group behind.
   * @throws KafkaError when Kafka cannot be read, GapError when the topic is created again meanwhile, or whatever `onRecord` threw.
   */
  readTopic(
    topic: Topic,
    onRecord: (record: ConsumerRecord) => unknown,
    onUnusable?: (record: ConsumerRecord) => void,
  ): Promise<void>;
}

/** The cluster for its owner, who closes it after everything that uses it. */
export interface OpenKafkaCluster extends KafkaCluster, AsyncDisposable {
  /** Why Kafka or its schema registry is out of reach; null while both are in reach. */
  readonly outage: string | null;
  /** Asks Kafka whether it is there, and learns the addresses of its brokers. @throws KafkaError */
  probe(): Promise<void>;
  /**
   * Registers the schemas of all topics, if there is a schema registry; to be called before the first write.
   * @throws SchemaRefusedError, or KafkaError if the registry is out of reach.
   */
  registerSchemas(): Promise<void>;
  /** Nothing brings this Kafka back: from now on every call fails with `error`. */
  giveUp(error: unknown): void;
}

/** Opens nothing yet: each client connects on its first use. */
export function openKafkaCluster(options: KafkaOptions): OpenKafkaCluster {
  const kafka = createKafka(options);
  const resources = new AsyncDisposableStack();
  const probing = resources.use(new AdminConnection(kafka));
  const admin = resources.use(createAdmin(kafka));
  const producer = resources.use(openProducer(kafka));
  return {
    topics: options.topics,
    admin,
    sink: (topic) => producer.sink(topic),
    recordSource: ({ name: topic }, source) => createRecordSource({ ...source, topic, kafka }),
    partitionSource: (topics, source) =>
      createPartitionSource({ ...source, topics: topics.map(({ name }) => name), kafka }),
    readTopic: ({ name }, onRecord, onUnusable) => readTopic(kafka, name, onRecord, onUnusable),
    get outage() {
      return kafka.reach.reason ?? kafka.registry?.reach.reason ?? null;
    },
    probe: () => probing.probe(),
    registerSchemas: () => kafka.wire.register(),
    giveUp: (error) => {
      kafka.reach.giveUp(error);
      kafka.registry?.reach.giveUp(error);
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
