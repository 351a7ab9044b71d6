import type { NumberedBatch } from './numbered-batch.ts';
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
 * @param missing the same batch with the rows that BRONZE lacks.
 */
export async function numberMissing(
  batches: readonly Batch[],
  { lastSeq, ingestedAt }: { readonly lastSeq: bigint; readonly ingestedAt: Date },
  missing: (batch: Batch) => Promise<Batch>,
): Promise<NumberedBatch[]> {
  const numbered: NumberedBatch[] = [];
  for (const whole of batches) {
    const batch = await missing(whole);
    if (batch.rows.length === 0) continue;
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
