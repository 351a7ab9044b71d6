import type { NumberedBatch } from './numbered-batch.ts';
import { type Query, withoutRepeated } from './sent-back.ts';
import { type Batch, batchId, type PartitionRange } from './warehouse.ts';

/**
 * The table of a replay, by its name. Grain: one row per partition: the next offset to read, and the end of the range.
 * @throws RangeError if the name has characters other than letters, digits and underscores.
 */
export function replayTable(name: string): string {
  if (!/^\w+$/.test(name)) throw new RangeError(`"${name}" is not a valid name for a replay`);
  return `bronze.replay_${name}`;
}

/** A row of that table. */
export const rangeOf = (row: Readonly<Record<string, unknown>>): PartitionRange => ({
  partition: {
    clusterId: String(row['cluster_id']),
    topic: String(row['topic']),
    topicId: String(row['topic_id']),
    partition: Number(row['kafka_partition']),
  },
  from: BigInt(String(row['next_offset'])),
  end: BigInt(String(row['end_offset'])),
});

/**
 * The batches with their missing rows, if there are any. @param lastSeq the highest number so far.
 * @param missing the same batch with the rows that BRONZE lacks. @param query in the transaction of the rows: a missing row is left out if
 * BRONZE has its answer at another offset, to which a redrive has sent it.
 */
export async function numberMissing(
  batches: readonly Batch[],
  { lastSeq, ingestedAt }: { readonly lastSeq: bigint; readonly ingestedAt: Date },
  { missing, query }: { readonly missing: (batch: Batch) => Promise<Batch>; readonly query: Query },
): Promise<NumberedBatch[]> {
  const numbered: NumberedBatch[] = [];
  for (const whole of batches) {
    const all = { isCandidate: () => true, topic: whole.partition }; // mutant: replay.redriven-before
    const [batch] = await withoutRepeated([await missing(whole)], query, all);
    if (!batch || batch.rows.length === 0) continue;
    const loadSeq = lastSeq + BigInt(numbered.length + 1);
    // Not the plain name: a batch of the same offsets may have been loaded before, and dbt may have read it.
    numbered.push({ batch, id: `${batchId(batch)}/replay-${loadSeq}`, loadSeq, ingestedAt });
  }
  return numbered;
}

/** The batch with the rows that BRONZE lacks, of those that its loader has passed. @param end the loader's position. */
export function withoutRows(batch: Batch, there: ReadonlySet<bigint>, end = 0n): Batch {
  const rows = [...batch.rows].filter(({ kafkaOffset }) => kafkaOffset < end && !there.has(kafkaOffset)); // mutant: replay.existing-rows
  return { ...batch, rows } as Batch;
}
