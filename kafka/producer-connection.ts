import { type Message, Partitioners, type Producer } from 'kafkajs';
import { messageOf } from '../runtime/errors.ts';
import { AdminConnection } from './admin-connection.ts';
import type { Kafka } from './client.ts';
import { Connection } from './connection.ts';
import { protocolErrorOf, TransientError } from './errors.ts';

/** How long (ms) the number of a topic's partitions is cached. */
const partitionsAgeMs = 60_000;

/** Kafka no longer accepts the sequence numbers of this producer: only a new producer can write. */
const lostSequence = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);

/** Kafka refused the request as a whole, so it wrote no record. */
const notWritten = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_TIMESTAMP', 'INVALID_RECORD']);

/**
 * An idempotent producer: a request that is sent again because its answer was lost is not written twice. kafkajs counts the
 * sequence of a partition correctly only under two rules, which the caller keeps: one request of the partition is in flight,
 * and each request is for one partition. Otherwise it can lose records or write them twice while leaders move. After a
 * request with an unknown outcome, a new producer replaces this one.
 */
export class ProducerConnection implements AsyncDisposable {
  readonly #kafka: Kafka;
  readonly #admin: AdminConnection;
  readonly #partitions = new Map<string, { readonly count: Promise<number>; readonly at: number }>();
  readonly #connection: Connection<Producer>;

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
    this.#admin = new AdminConnection(kafka);
    this.#connection = new Connection(() =>
      kafka.producer({
        allowAutoTopicCreation: false,
        idempotent: true,
        createPartitioner: Partitioners.DefaultPartitioner,
      }),
    );
  }

  /** The number of partitions of the topic, at most a minute old. @throws as `Reach.persist` does. */
  partitionsOf(topic: string): Promise<number> {
    const known = this.#partitions.get(topic);
    if (known && performance.now() - known.at < partitionsAgeMs) return known.count;
    const count = this.#admin.ask(`reading the partitions of ${topic}`, async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.length ?? 0;
    });
    this.#partitions.set(topic, { count, at: performance.now() });
    count.catch(() => this.#partitions.delete(topic));
    return count;
  }

  /** Writes all messages exactly once, with retries. @throws as `Reach.persist` does. */
  async write(topic: string, partition: number, messages: readonly Message[]): Promise<void> {
    const addressed = messages.map((message) => ({ ...message, partition }));
    try {
      await this.#kafka.reach.persist(`writing to ${topic}`, () => this.#send(topic, addressed));
    } catch (error) {
      if (!notWritten.has(protocolErrorOf(error) ?? '')) this.#connection.drop();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin[Symbol.asyncDispose]();
    await this.#connection[Symbol.asyncDispose]();
  }

  async #send(topic: string, messages: Message[]): Promise<void> {
    const client = this.#connection.client();
    const producer = await client;
    try {
      await producer.send({ topic, acks: -1, messages });
    } catch (error) {
      const type = protocolErrorOf(error) ?? '';
      // An earlier attempt wrote it, so long ago that Kafka no longer knows the offset.
      if (type === 'DUPLICATE_SEQUENCE_NUMBER') return;
      if (!lostSequence.has(type)) throw error;
      this.#connection.drop(client);
      throw new TransientError(messageOf(error), { cause: error });
    }
  }
}
