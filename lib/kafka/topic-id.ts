import { createRequire } from 'node:module';
import type { Kafka } from 'kafkajs';
import { KafkaError, kafkaCall } from './errors.ts';

/**
 * What kafkajs 2.2.4 has inside and does not show. Its own Metadata request ends at version 6; topic ids came with version
 * 10 (KIP-516, Kafka 2.8). Its connections send whatever request they are given, so TLS, SASL and retries stay its own.
 */
interface Cluster {
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  disconnect(): Promise<void>;
  findControllerBroker(): Promise<{ readonly connectionPool: { send(request: object): Promise<unknown> } }>;
}

interface Encoder {
  writeInt8(value: number): this;
  writeUVarInt(value: number): this;
  writeUVarIntString(value: string): this;
  writeBuffer(value: Buffer): this;
}

interface Decoder {
  readonly buffer: Buffer;
  offset: number;
  readInt8(): number;
  readInt16(): number;
  readInt32(): number;
  readUVarIntString(): string | null;
  readUVarIntArray<T>(read: (decoder: Decoder) => T): T[] | null;
  readTaggedFields(): unknown;
}

const load = createRequire(import.meta.url);
const KafkajsEncoder = load('kafkajs/src/protocol/encoder') as new () => Encoder;
const KafkajsDecoder = load('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => Decoder;

const noErrors = 0;
const idBytes = 16;

/**
 * The id that Kafka gave the topic when it was made: another one under the same name has another (KIP-516).
 * @returns 32 hexadecimal digits. @throws KafkaError when Kafka cannot be asked or has no such topic.
 */
export async function topicIdOf(kafka: Kafka, topic: string): Promise<string> {
  const cluster = clusterOf(kafka);
  try {
    return await kafkaCall(`asking for the id of ${topic}`, async () => {
      await cluster.connect();
      await cluster.refreshMetadata();
      const broker = await cluster.findControllerBroker();
      return (await broker.connectionPool.send(metadataRequest(topic))) as string;
    });
  } finally {
    await cluster.disconnect();
  }
}

function clusterOf(kafka: Kafka): Cluster {
  const create = Object.getOwnPropertySymbols(kafka).find((symbol) => symbol.description?.endsWith('createCluster'));
  const make = create && (kafka as unknown as Record<symbol, (options: object) => Cluster>)[create];
  if (!make) throw new Error('this kafkajs is not the one that topic-id.ts knows');
  return make({ allowAutoTopicCreation: false });
}

/** Metadata, version 10, for one topic: https://kafka.apache.org/protocol#The_Messages_Metadata */
const metadataRequest = (topic: string) => ({
  request: {
    apiKey: 3,
    apiVersion: 10,
    apiName: 'Metadata',
    encode: async () =>
      new KafkajsEncoder()
        // The header's tagged fields: none. kafkajs writes the header of the versions before.
        .writeUVarInt(0)
        // One topic: no id, a name, no tagged fields. A compact array's length is written plus one.
        .writeUVarInt(2)
        .writeBuffer(Buffer.alloc(idBytes))
        .writeUVarIntString(topic)
        .writeUVarInt(0)
        // Make no topic, tell nothing about who may do what, no tagged fields.
        .writeInt8(0)
        .writeInt8(0)
        .writeInt8(0)
        .writeUVarInt(0),
  },
  response: { decode: async (bytes: Buffer) => decode(bytes), parse: async (answer: Answer) => parse(topic, answer) },
});

interface Answer {
  readonly errorCode: number;
  readonly id: string;
}

function decode(bytes: Buffer): Answer {
  const decoder = new KafkajsDecoder(bytes);
  decoder.readTaggedFields();
  decoder.readInt32(); // throttle time
  decoder.readUVarIntArray(skipBroker);
  decoder.readUVarIntString(); // cluster id
  decoder.readInt32(); // controller
  const [answer] = decoder.readUVarIntArray(readTopic) ?? [];
  return answer ?? { errorCode: noErrors, id: '' };
}

function skipBroker(decoder: Decoder): void {
  decoder.readInt32(); // node id
  decoder.readUVarIntString(); // host
  decoder.readInt32(); // port
  decoder.readUVarIntString(); // rack
  decoder.readTaggedFields();
}

/** Reads as far as the id: there is one topic, and what follows of it is not wanted. */
function readTopic(decoder: Decoder): Answer {
  const errorCode = decoder.readInt16();
  decoder.readUVarIntString(); // name
  const id = decoder.buffer.toString('hex', decoder.offset, decoder.offset + idBytes);
  return { errorCode, id };
}

function parse(topic: string, { errorCode, id }: Answer): string {
  if (errorCode !== noErrors || /^0*$/.test(id)) {
    throw new KafkaError(
      `Kafka tells no id of the topic ${topic} (error ${errorCode}): is it there, and Kafka 2.8 or newer?`,
    );
  }
  return id;
}
