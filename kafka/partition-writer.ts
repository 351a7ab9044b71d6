import type { Message } from 'kafkajs';
import { protocolErrorOf, RecordTooLargeError } from './errors.ts';
import type { ProducerConnection } from './producer-connection.ts';

/** A record to write, and the callbacks for its outcome. */
export interface Waiting {
  readonly message: Message;
  readonly bytes: number;
  readonly onWritten: () => void;
  readonly onFailed: (error: unknown) => void;
}

export interface RequestLimits {
  /** Records share a request up to these limits; a larger record is sent alone. */
  readonly maxRequestBytes: number;
  readonly maxRequestRecords: number;
}

export const tooLarge = (topic: string, key: unknown, bytes: number): RecordTooLargeError =>
  new RecordTooLargeError(`a record of ${bytes} bytes is too large for ${topic} (key ${String(key)})`);

/**
 * Writes one partition, for all sinks of this process. One request is in flight; records that are added meanwhile share the next.
 * This keeps the order of each key and the producer's sequence during retries, and makes requests larger under load. If a
 * request fails, every record in it fails; some of them may have been written.
 */
export class PartitionWriter {
  readonly #producer: ProducerConnection;
  readonly #topic: string;
  readonly #partition: number;
  readonly #limits: RequestLimits;
  readonly #waiting: Waiting[] = [];
  #sending: Promise<void> | undefined;

  constructor(producer: ProducerConnection, topic: string, partition: number, limits: RequestLimits) {
    this.#producer = producer;
    this.#topic = topic;
    this.#partition = partition;
    this.#limits = limits;
  }

  add(entry: Waiting): void {
    this.#waiting.push(entry);
    this.#sending ??= this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    // Lets the calls that are made at the same time as the first add their records.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#send(this.#takeRequest());
    this.#sending = undefined;
  }

  #takeRequest(): Waiting[] {
    const { maxRequestBytes, maxRequestRecords } = this.#limits;
    let bytes = 0;
    const end = this.#waiting.findIndex((entry, index) => {
      bytes += entry.bytes;
      return index > 0 && (bytes > maxRequestBytes || index >= maxRequestRecords);
    });
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
  }

  async #send(request: readonly Waiting[]): Promise<void> {
    try {
      await this.#producer.write(
        this.#topic,
        this.#partition,
        request.map(({ message }) => message),
      );
    } catch (error) {
      await this.#onFailed(request, error);
      return;
    }
    for (const { onWritten } of request) onWritten();
  }

  /** If the limit of the broker is smaller, it refuses the whole request. Only the records that are too large fail. */
  async #onFailed(request: readonly Waiting[], error: unknown): Promise<void> {
    const isTooLarge = protocolErrorOf(error) === 'MESSAGE_TOO_LARGE';
    if (isTooLarge && request.length > 1) {
      for (const entry of request) await this.#send([entry]);
      return;
    }
    for (const { message, bytes, onFailed } of request) {
      onFailed(isTooLarge ? tooLarge(this.#topic, message.key, bytes) : error);
    }
  }
}
