/**
 * With `kafkajs-patches.ts`, everything that relies on the inside of kafkajs: its `src/` folder and undeclared fields. All of it was
 * written for kafkajs 2.2.4. `test/unit/kafka/kafkajs-internals.test.ts` fails when another version is installed: then read each
 * function of both files beside the new source before you change `knownKafkajs`.
 */
import { createRequire } from 'node:module';
import type { Batch, Kafka } from 'kafkajs';
import type { FetchedMessage } from './batches/fetched-message.ts';

/** kafkajs sends Fetch in this version to every broker since Kafka 2.3; this project needs 2.8. */
export const knownKafkajs = { version: '2.2.4', fetchVersion: 11 } as const;

const requireModule = createRequire(import.meta.url);
/** A module of the inside of kafkajs. */
export const load = <T>(module: string): T => requireModule(`kafkajs/src/${module}`) as T;

/** Writes fields of Kafka's protocol. */
export interface Encoder {
  writeInt8(value: number): this;
  writeUVarInt(value: number): this;
  writeUVarIntString(value: string): this;
  writeString(value: string | null): this;
  writeArray(values: readonly Encoder[]): this;
  writeBoolean(value: boolean): this;
  writeBuffer(value: Buffer): this;
}

/** Reads fields of Kafka's protocol. */
export interface Decoder {
  readonly buffer: Buffer;
  offset: number;
  readInt8(): number;
  readInt16(): number;
  readInt32(): number;
  readInt64(): bigint;
  readString(): string;
  readBytes(): Buffer | null;
  readArray<T>(read: (decoder: Decoder) => T): T[];
  readUVarIntString(): string | null;
  readUVarIntArray<T>(read: (decoder: Decoder) => T): T[] | null;
  readTaggedFields(): unknown;
}

const KafkajsEncoder = load<new () => Encoder>('protocol/encoder');
const KafkajsDecoder = load<new (bytes: Buffer) => Decoder>('protocol/decoder');
const { failure } = load<{ failure(code: number): boolean }>('protocol/error');
export const { createErrorFromCode } = load<{ createErrorFromCode(code: number): Error }>('protocol/error');

export const newEncoder = (): Encoder => new KafkajsEncoder();

/** @throws the error of kafkajs for this code, unless the code means success. */
export function throwOnError(code: number): void {
  if (failure(code)) throw createErrorFromCode(code);
}

/** A request that kafkajs does not implement: https://kafka.apache.org/protocol */
export interface RawRequest<T> {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  /** Writes the body; kafkajs writes the header in its old form. */
  encode(encoder: Encoder): Encoder;
  /** Reads the bytes after the correlation id. */
  decode(decoder: Decoder): T;
}

/** Offsets to commit in partitions of one topic. */
export interface PartitionOffsets {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: string; readonly metadata: string }[];
}

export interface Coordinator {
  offsetCommit(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
    readonly topics: readonly PartitionOffsets[];
  }): Promise<unknown>;
}

export interface Cluster {
  connect(): Promise<void>;
  findGroupCoordinator(group: { readonly groupId: string }): Promise<Coordinator>;
  refreshMetadata(): Promise<void>;
  disconnect(): Promise<void>;
  readonly brokerPool: {
    findConnectedBroker(): Promise<{ readonly connectionPool: { send(request: object): Promise<unknown> } }>;
  };
}

/**
 * Sends one request to any broker over a separate connection of kafkajs, which handles TLS, SASL and retries.
 * @throws errors of kafkajs, or what `decode` throws.
 */
export async function sendToAnyBroker<T>(kafka: Kafka, request: RawRequest<T>): Promise<T> {
  const cluster = createCluster(kafka);
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

/**
 * Commits offsets of a group without joining it: the way of Kafka's own admin client, which kafkajs does not offer. Kafka accepts
 * it only while the group has no members. @throws errors of kafkajs; UNKNOWN_MEMBER_ID if the group has members.
 */
export async function commitWithoutMember(kafka: Kafka, groupId: string, offsets: PartitionOffsets): Promise<void> {
  const cluster = createCluster(kafka);
  try {
    await cluster.connect();
    await cluster.refreshMetadata();
    const coordinator = await cluster.findGroupCoordinator({ groupId });
    await coordinator.offsetCommit({ groupId, groupGenerationId: -1, memberId: '', topics: [offsets] });
  } finally {
    await cluster.disconnect();
  }
}

function createCluster(kafka: Kafka): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description?.endsWith('createCluster'));
  const create = symbol && (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol];
  if (!create) throw new Error('kafkajs-internals.ts does not support this version of kafkajs');
  return create({ allowAutoTopicCreation: false });
}

/** Fields of a kafkajs batch that its types do not declare. */
export interface FetchedBatchFields {
  /** The requested offset. */
  readonly fetchedOffset: string;
  /** Every fetched record, in order, including records of aborted transactions and transaction markers. */
  readonly messagesWithinOffset: readonly Pick<FetchedMessage, 'offset' | 'isAbsent' | 'unusable'>[];
  /** The records to handle. */
  readonly messages: readonly FetchedMessage[];
}

/** The batch with its undeclared fields, and with the records that `decode` of `replaceFetchDecoder` returned. */
export const withUndeclaredFields = (batch: Batch): FetchedBatchFields => batch as unknown as FetchedBatchFields;

/** Replaces the decoder of all answers to Fetch, for every consumer in this process. @param decode reads one whole answer. */
export function replaceFetchDecoder(decode: (decoder: Decoder) => Promise<object>): void {
  const response = load<{ decode(bytes: Buffer): Promise<object> }>(
    `protocol/requests/fetch/v${knownKafkajs.fetchVersion}/response`,
  );
  response.decode = (bytes) => decode(new KafkajsDecoder(bytes));
}
