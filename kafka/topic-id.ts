import type { Kafka } from './client.ts';
import { KafkaError } from './errors.ts';
import { type Decoder, type RawRequest, sendToAnyBroker, throwOnError } from './kafkajs-internals.ts';

const noErrors = 0;
const idBytes = 16;

/**
 * The id that Kafka gave the topic when it was made: another one under the same name has another (KIP-516).
 * @returns 32 hexadecimal digits. @throws KafkaError when Kafka cannot be asked or has no such topic.
 */
export const topicIdOf = (kafka: Kafka, topic: string): Promise<string> =>
  kafka.reach.persist(`asking for the id of ${topic}`, async () =>
    checked(topic, await sendToAnyBroker(kafka, metadataRequest(topic))),
  );

/**
 * Metadata, version 10, for one topic: https://kafka.apache.org/protocol#The_Messages_Metadata. It is the first version with topic
 * ids (Kafka 2.8); kafkajs supports only up to version 6.
 */
const metadataRequest = (topic: string): RawRequest<Answer> => ({
  apiKey: 3,
  apiVersion: 10,
  apiName: 'Metadata',
  encode: (encoder) =>
    encoder
      // The header's tagged fields: none. kafkajs writes the header of the older versions.
      .writeUVarInt(0)
      // One topic: no id, a name, no tagged fields. A compact array's length is written plus one.
      .writeUVarInt(2)
      .writeBuffer(Buffer.alloc(idBytes))
      .writeUVarIntString(topic)
      .writeUVarInt(0)
      // Do not create the topic, do not include authorized operations, no tagged fields.
      .writeInt8(0)
      .writeInt8(0)
      .writeInt8(0)
      .writeUVarInt(0),
  decode,
});

interface Answer {
  readonly errorCode: number;
  readonly id: string;
}

function decode(decoder: Decoder): Answer {
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

function checked(topic: string, { errorCode, id }: Answer): string {
  throwOnError(errorCode);
  if (/^0*$/.test(id)) throw new KafkaError(`Kafka returned no id for the topic ${topic}: is Kafka 2.8 or newer?`);
  return id;
}
