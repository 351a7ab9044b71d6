import kafkajs, { type Message } from 'kafkajs';
import type { Kafka } from '../../../kafka/client.ts';
import { readTopic } from '../../../kafka/read-topic.ts';

/** The records of a topic, by partition. */
async function recordsOf(kafka: Kafka, topic: string): Promise<Map<number, Message[]>> {
  const found = new Map<number, Message[]>();
  await readTopic(kafka, topic, ({ partition, key, value, timestamp, headers = {} }) => {
    const messages = found.get(partition) ?? [];
    found.set(partition, messages);
    messages.push({ key, value, partition, timestamp: String(timestamp), headers: { ...headers } });
  });
  return found;
}

/**
 * Copies a topic to the same partitions of another cluster, as a mirror does. If both topics begin with offset 0 and no record is
 * changed, the offsets are the same. @param change receives the records of each partition.
 */
export async function mirrorTopic(
  from: Kafka,
  to: Kafka,
  topic: string,
  change: (messages: readonly Message[]) => readonly Message[] = (messages) => messages,
): Promise<void> {
  const records = await recordsOf(from, topic);
  const producer = to.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  for (const messages of records.values()) await producer.send({ topic, messages: [...change(messages)] });
  await producer.disconnect();
}
