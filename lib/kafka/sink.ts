import { type ICustomPartitioner, type Kafka, type Message, Partitioners, type Producer } from 'kafkajs';
import type { Codec } from '../../schemas/codec.ts';
import type { TopicName } from '../../schemas/topics.ts';
import { kafkaCall, protocolErrorOf, RecordTooLargeError, toKafkaError } from './errors.ts';
import { murmur2 } from './murmur2.ts';
import type { ProducerRecord, Sink } from './topic.ts';
import { maxRecordBytesOf } from './topic-settings.ts';

/** One connection to the cluster for all that this process writes. Dispose of its sinks first. */
export interface KafkaProducer extends AsyncDisposable {
  /** A value of null is written as a tombstone. */
  sink<T>(topic: TopicName, codec: Codec<T>, limits?: Partial<SinkLimits>): Sink<T | null>;
}

interface SinkLimits {
  /** A larger record (key, value, headers and some overhead) is refused. Standard: what our topics take. */
  readonly maxRecordBytes: number;
  /** Records share a request up to these; one that is larger by itself goes alone. Standard: 1 MB and 2,000. */
  readonly maxRequestBytes: number;
  readonly maxRequestRecords: number;
}

const standardLimits = { maxRequestBytes: 1_000_000, maxRequestRecords: 2_000 };

/** What Kafka adds to a record at most, its batch's header included. */
const overheadBytes = 100;

const sizeOf = (part: string | Buffer | null): number => (part === null ? 0 : Buffer.byteLength(part));

/** Kafka's default: by the hash of the key; without a key, any partition. */
const createPartitioner: ICustomPartitioner = () => {
  const anyPartition = Partitioners.DefaultPartitioner();
  return (args) => {
    const { key } = args.message;
    if (key === null || key === undefined) return anyPartition(args);
    return (murmur2(Buffer.from(key)) & 0x7fffffff) % args.partitionMetadata.length;
  };
};

/** Connects. @throws KafkaError when no broker answers. */
export async function connectProducer(kafka: Kafka): Promise<KafkaProducer> {
  // Not idempotent: consumers take duplicates anyway, and kafkajs gives up a producer whose sequence went wrong.
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    createPartitioner,
  });
  await kafkaCall('connecting to Kafka', () => producer.connect());
  return {
    sink: (topic, codec, limits) =>
      new KafkaSink(producer, topic, codec, { maxRecordBytes: maxRecordBytesOf(topic), ...standardLimits, ...limits }),
    [Symbol.asyncDispose]: () => producer.disconnect(),
  };
}

/** One call of `publish`; done when none of its records is left. */
interface Publication {
  remaining: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Waiting {
  readonly message: Message;
  readonly bytes: number;
  readonly publication: Publication;
}

/**
 * Has one request in flight; what is published meanwhile shares the next. That keeps the order of each key, whatever
 * is tried again, and makes requests larger the busier it gets. When a request fails, so does every call with a record
 * in it; some of those records may have been written.
 */
class KafkaSink<T> implements Sink<T | null> {
  readonly #producer: Producer;
  readonly #topic: TopicName;
  readonly #codec: Codec<T>;
  readonly #limits: SinkLimits;
  #waiting: Waiting[] = [];
  #sending: Promise<void> | undefined;

  constructor(producer: Producer, topic: TopicName, codec: Codec<T>, limits: SinkLimits) {
    this.#producer = producer;
    this.#topic = topic;
    this.#codec = codec;
    this.#limits = limits;
  }

  /** @throws RecordTooLargeError when one of `records` is (then none is written), KafkaError when Kafka refuses. */
  async publish(records: readonly ProducerRecord<T | null>[]): Promise<void> {
    if (records.length === 0) return;
    const encoded = records.map((record) => this.#encode(record));
    await new Promise<void>((resolve, reject) => {
      const publication = { remaining: encoded.length, resolve, reject };
      for (const entry of encoded) this.#waiting.push({ ...entry, publication });
      this.#sending ??= this.#sendAll();
    });
  }

  /** Waits for what was published. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sending;
  }

  #encode({ key, value, headers = {} }: ProducerRecord<T | null>): Omit<Waiting, 'publication'> {
    const bytes = value === null ? null : this.#codec.encode(value);
    const size = sizeOf(key) + sizeOf(bytes) + sizeOf(Object.entries(headers).flat().join()) + overheadBytes;
    if (size > this.#limits.maxRecordBytes) throw this.#tooLarge(String(key), size);
    return { message: { key, value: bytes, headers }, bytes: size };
  }

  #tooLarge(key: string, size: number): RecordTooLargeError {
    return new RecordTooLargeError(`a record of ${size} bytes is too large for ${this.#topic} (key ${key})`);
  }

  async #sendAll(): Promise<void> {
    // One turn for the calls that are made at the same time as the first.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#send(this.#takeRequest());
    this.#sending = undefined;
  }

  #takeRequest(): Waiting[] {
    let bytes = 0;
    const end = this.#waiting.findIndex((entry, index) => {
      bytes += entry.bytes;
      return index > 0 && (bytes > this.#limits.maxRequestBytes || index >= this.#limits.maxRequestRecords);
    });
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
  }

  async #send(request: readonly Waiting[]): Promise<void> {
    try {
      const messages = request.map(({ message }) => message);
      await this.#producer.send({ topic: this.#topic, acks: -1, messages });
    } catch (error) {
      await this.#onFailed(request, error);
      return;
    }
    for (const { publication } of request) {
      publication.remaining -= 1;
      if (publication.remaining === 0) publication.resolve();
    }
  }

  /** A broker with a smaller limit than ours refuses the whole request: only the record that is to blame fails. */
  async #onFailed(request: readonly Waiting[], error: unknown): Promise<void> {
    const isTooLarge = protocolErrorOf(error) === 'MESSAGE_TOO_LARGE';
    if (isTooLarge && request.length > 1) {
      for (const entry of request) await this.#send([entry]);
      return;
    }
    const failure = isTooLarge
      ? this.#tooLarge(String(request[0]?.message.key), request[0]?.bytes ?? 0)
      : toKafkaError(`writing to ${this.#topic}`, error);
    const failed = new Set(request.map(({ publication }) => publication));
    this.#waiting = this.#waiting.filter(({ publication }) => !failed.has(publication));
    for (const { reject } of failed) reject(failure);
  }
}
