import { type Batch, batchId, type TopicId } from './warehouse.ts';

/** A batch with the values that its transaction assigned. */
export interface NumberedBatch {
  readonly batch: Batch;
  readonly id: string;
  readonly loadSeq: bigint;
  readonly ingestedAt: Date;
}

/** Numbers the batches consecutively. @param lastSeq the highest number so far. */
export const numbered = (batches: readonly Batch[], lastSeq: bigint, ingestedAt: Date): NumberedBatch[] =>
  batches.map((batch, index) => ({ batch, id: batchId(batch), loadSeq: lastSeq + BigInt(index + 1), ingestedAt }));

export const rowsIn = (batches: readonly NumberedBatch[]): number =>
  batches.reduce((sum, { batch }) => sum + batch.rows.length, 0);

/** A timestamp in the format of both warehouses, in UTC. */
export const timestampText = (date: Date): string => date.toISOString().replace('T', ' ').replace('Z', '');

/** Bytes of a batch's documents. */
export const payloadBytes = ({ rows }: Batch): number => rows.reduce((sum, { body }) => sum + body.length, 0);

/** The batches of each topic, in their order. */
export function byTopic(batches: readonly Batch[]): { readonly topic: TopicId; readonly ofTopic: readonly Batch[] }[] {
  const key = ({ partition: { clusterId, topic, topicId } }: Batch) => [clusterId, topic, topicId].join(' ');
  return [...Map.groupBy(batches, key).values()].flatMap((ofTopic) =>
    ofTopic.slice(0, 1).map(({ partition }) => ({ topic: partition, ofTopic })),
  );
}
