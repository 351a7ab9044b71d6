import { createRequire } from 'node:module';
import type { Kafka } from 'kafkajs';

/**
 * Access to internals of kafkajs 2.2.4. Its connections can send any request, so kafkajs still handles TLS, SASL and
 * retries for a request that it does not implement.
 */
interface Cluster {
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  disconnect(): Promise<void>;
  readonly brokerPool: {
    findConnectedBroker(): Promise<{ readonly connectionPool: { send(request: object): Promise<unknown> } }>;
  };
}

export interface Encoder {
  writeInt8(value: number): this;
  writeUVarInt(value: number): this;
  writeUVarIntString(value: string): this;
  writeString(value: string | null): this;
  writeArray(values: readonly Encoder[]): this;
  writeBoolean(value: boolean): this;
  writeBuffer(value: Buffer): this;
}

export interface Decoder {
  readonly buffer: Buffer;
  offset: number;
  readInt8(): number;
  readInt16(): number;
  readInt32(): number;
  readString(): string | null;
  readArray<T>(read: (decoder: Decoder) => T): T[];
  readUVarIntString(): string | null;
  readUVarIntArray<T>(read: (decoder: Decoder) => T): T[] | null;
  readTaggedFields(): unknown;
}

const load = createRequire(import.meta.url);
const KafkajsEncoder = load('kafkajs/src/protocol/encoder') as new () => Encoder;
const KafkajsDecoder = load('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => Decoder;
const { failure, createErrorFromCode } = load('kafkajs/src/protocol/error') as {
  failure(code: number): boolean;
  createErrorFromCode(code: number): Error;
};

/** A request in Kafka's own protocol: https://kafka.apache.org/protocol */
export interface RawRequest<T> {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  /** Writes the body; kafkajs writes the header in its old form. */
  encode(encoder: Encoder): Encoder;
  /** Reads the bytes after the correlation id. */
  decode(decoder: Decoder): T;
}

export const newEncoder = (): Encoder => new KafkajsEncoder();

/** @throws kafkajs' own error if the code is an error. */
export function throwOnError(code: number): void {
  if (failure(code)) throw createErrorFromCode(code);
}

/** Sends one request to any broker, over a separate connection. @throws errors of kafkajs, or what `decode` throws. */
export async function sendToAnyBroker<T>(kafka: Kafka, request: RawRequest<T>): Promise<T> {
  const cluster = clusterOf(kafka);
  const { apiKey, apiVersion, apiName } = request;
  try {
    await cluster.connect();
    await cluster.refreshMetadata();
    const broker = await cluster.brokerPool.findConnectedBroker();
    const answer = await broker.connectionPool.send({
      request: { apiKey, apiVersion, apiName, encode: async () => request.encode(newEncoder()) },
      response: {
        // kafkajs looks for throttle times in the decoded result.
        decode: async (bytes: Buffer) => ({ value: request.decode(new KafkajsDecoder(bytes)) }),
        parse: async (decoded: { value: T }) => decoded,
      },
    });
    return (answer as { value: T }).value;
  } finally {
    await cluster.disconnect();
  }
}

function clusterOf(kafka: Kafka): Cluster {
  const create = Object.getOwnPropertySymbols(kafka).find((symbol) => symbol.description?.endsWith('createCluster'));
  const make = create && (kafka as unknown as Record<symbol, (options: object) => Cluster>)[create];
  if (!make) throw new Error('raw-request.ts does not support this version of kafkajs');
  return make({ allowAutoTopicCreation: false });
}
