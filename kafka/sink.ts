import type { Topic } from '../schemas/topics.ts';
import type { Kafka } from './client.ts';
import { murmur2 } from './murmur2.ts';
import { PartitionWriter, type RequestLimits, tooLarge, type Waiting } from './partition-writer.ts';
import { ProducerConnection } from './producer-connection.ts';
import type { WireFormat } from './schema-registry/wire-format.ts';
import { type ProducerRecord, partitionKey, type Sink } from './topic.ts';
import { maxRecordBytesOf } from './topic-settings.ts';

type WrittenTopic<T> = Pick<Topic<T>, 'name' | 'codec' | 'content'>;

/** One connection to the cluster for all sinks of this process. Dispose of the sinks first. */
export interface KafkaProducer extends AsyncDisposable {
  /** A value of null is written as a tombstone. */
  sink<T>(topic: WrittenTopic<T>, limits?: Partial<SinkLimits>): Sink<T | null>;
}

interface SinkLimits extends RequestLimits {
  /** A larger record (bytes of key, value, headers and some overhead) is refused. @default the limit of the topic */
  readonly maxRecordBytes: number;
}

const defaultLimits = { maxRequestBytes: 1_000_000, maxRequestRecords: 2_000 };

/** The most bytes that Kafka adds to a record, including the header of its batch. */
const overheadBytes = 100;

const sizeOf = (part: string | Buffer | null): number => (part === null ? 0 : Buffer.byteLength(part));

/** Kafka's default: by the hash of the key; without a key, any partition. */
const partitionOf = (key: string | Buffer | null, partitions: number): number =>
  key === null ? Math.floor(Math.random() * partitions) : (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;

/** Connects on the first write, so a process that only reads needs no right to write. */
export function openProducer(kafka: Kafka): KafkaProducer {
  const connection = new ProducerConnection(kafka);
  const writers = new Map<string, PartitionWriter>();
  const writerOf = (topic: string, partition: number, limits: RequestLimits) => {
    const key = partitionKey({ topic, partition });
    const writer = writers.get(key) ?? new PartitionWriter(connection, topic, partition, limits);
    writers.set(key, writer);
    return writer;
  };
  return {
    sink: (topic, limits) =>
      new KafkaSink(connection, kafka.wire, writerOf, topic, {
        maxRecordBytes: maxRecordBytesOf(topic),
        ...defaultLimits,
        ...limits,
      }),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

type WriterOf = (topic: string, partition: number, limits: RequestLimits) => PartitionWriter;

/** Encodes records and gives each to the writer of its partition. */
class KafkaSink<T> implements Sink<T | null> {
  readonly #producer: ProducerConnection;
  readonly #wire: WireFormat;
  readonly #writerOf: WriterOf;
  readonly #topic: WrittenTopic<T>;
  readonly #limits: SinkLimits;
  readonly #publishing = new Set<Promise<unknown>>();

  constructor(
    producer: ProducerConnection,
    wire: WireFormat,
    writerOf: WriterOf,
    topic: WrittenTopic<T>,
    limits: SinkLimits,
  ) {
    this.#producer = producer;
    this.#wire = wire;
    this.#writerOf = writerOf;
    this.#topic = topic;
    this.#limits = limits;
  }

  /** @throws RecordTooLargeError if a record is too large (then none is written), KafkaError if Kafka refuses. */
  async publish(records: readonly ProducerRecord<T | null>[]): Promise<void> {
    if (records.length === 0) return;
    const encoded = records.map((record) => this.#encode(record));
    const publishing = this.#write(encoded);
    this.#publishing.add(publishing);
    try {
      await publishing;
    } finally {
      this.#publishing.delete(publishing);
    }
  }

  /** Waits for the calls of `publish`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#publishing);
  }

  async #write(encoded: readonly Omit<Waiting, 'onWritten' | 'onFailed'>[]): Promise<void> {
    const partitions = await this.#producer.partitionsOf(this.#topic.name);
    await new Promise<void>((resolve, reject) => {
      let remaining = encoded.length;
      const onWritten = () => {
        remaining -= 1;
        if (remaining === 0) resolve();
      };
      for (const entry of encoded) {
        const partition = partitionOf(entry.message.key as string | Buffer | null, partitions);
        this.#writerOf(this.#topic.name, partition, this.#limits).add({ ...entry, onWritten, onFailed: reject });
      }
    });
  }

  #encode({ key, value, headers = {} }: ProducerRecord<T | null>): Omit<Waiting, 'onWritten' | 'onFailed'> {
    const { name, codec } = this.#topic;
    const wire = value === null ? null : this.#wire.toWire(name, codec.encode(value));
    const all = { ...headers, ...wire?.headers };
    const bytes = wire?.value ?? null;
    const size = sizeOf(key) + sizeOf(bytes) + sizeOf(Object.entries(all).flat().join()) + overheadBytes;
    if (size > this.#limits.maxRecordBytes) throw tooLarge(name, key, size);
    return { message: { key, value: bytes, headers: all }, bytes: size };
  }
}
