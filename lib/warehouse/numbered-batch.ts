import type { Batch } from './warehouse.ts';

/** A batch with what its transaction gave it. */
export interface NumberedBatch {
  readonly batch: Batch;
  readonly id: string;
  readonly loadSeq: bigint;
  readonly ingestedAt: Date;
}

/** As both warehouses read it, in UTC. */
export const timestampText = (date: Date): string => date.toISOString().replace('T', ' ').replace('Z', '');

/** Bytes of a batch's documents. */
export const payloadBytes = ({ rows }: Batch): number => rows.reduce((sum, { body }) => sum + body.length, 0);
