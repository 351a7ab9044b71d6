import { join } from 'node:path';
import { z } from 'zod';
import { toBatch } from '../consumers/micro-batches.ts';
import { isProblem, noReadableJson, type RawRow, tableOf, toRawRow } from '../consumers/raw-row.ts';
import { systemClock } from '../runtime/clock.ts';
import type { ValueOf } from '../runtime/shape.ts';
import { makeTemporaryFolder } from '../runtime/temporary-folder.ts';
import { DecodeError } from '../schemas/codec.ts';
import { movieIdCodec } from '../schemas/codecs.ts';
import { problemOfId } from '../schemas/record-rules.ts';
import { idTopics, type RawTopics, type Topics } from '../schemas/topics.ts';
import { type Batch, InvalidRowsError, type Warehouse } from '../warehouse/warehouse.ts';
import type { WholeLetter } from './store.ts';

/** The simulated outcome of sending a record back. */
export const dryRunResultShape = z.object({
  id: z.string().describe("TOPIC/PARTITION/OFFSET of the record's first origin"),
  outcome: z
    .enum(['load', 'fetch', 'skip', 'park', 'refuse'])
    .describe(
      'load: it becomes a row of BRONZE; fetch: the movie is fetched, which takes one request; skip: a tombstone, with ' +
        'nothing to fetch; park: it is parked again; refuse: it is not sent back',
    ),
  why: z.string().optional().describe('the reason for park and refuse'),
});
export type DryRunResult = ValueOf<typeof dryRunResultShape>;

/**
 * Simulates what today's consumers would do with each record: decodes it with their code, and appends it to a warehouse in a
 * temporary folder. @throws IngestError if that warehouse is not available.
 */
export async function simulate(topics: Topics, letters: readonly WholeLetter[]): Promise<DryRunResult[]> {
  const ofRaw = await withTemporaryWarehouse(async (warehouse) => [
    ...(await simulateRows(warehouse, topics, topics.rawMovies.name, letters)),
    ...(await simulateRows(warehouse, topics, topics.rawGenres.name, letters)),
  ]);
  const ids: readonly string[] = idTopics(topics).map(({ name }) => name);
  const ofIds = letters.filter(({ originTopic }) => ids.includes(originTopic)).map(simulateId);
  const byId = new Map([...ofRaw, ...ofIds].map((result) => [result.id, result]));
  return letters.flatMap((letter) => byId.get(letter.id) ?? []);
}

function simulateId({ id, originKey, originValue }: WholeLetter): DryRunResult {
  if (originValue === null) return { id, outcome: 'skip' };
  try {
    const problem = problemOfId(originKey, movieIdCodec.decode(originValue), systemClock.now());
    return problem ? { id, outcome: 'park', why: problem.message } : { id, outcome: 'fetch' };
  } catch (error) {
    if (error instanceof DecodeError) return { id, outcome: 'park', why: error.message };
    throw error;
  }
}

async function simulateRows(
  warehouse: Warehouse,
  topics: RawTopics,
  topic: string,
  letters: readonly WholeLetter[],
): Promise<DryRunResult[]> {
  const ofTopic = letters.filter(({ originTopic }) => originTopic === topic);
  // New offsets: those of records that were sent back may come from different partitions.
  const now = systemClock.now();
  const rows = ofTopic.map(({ originKey: key, originValue: value }, index) =>
    toRawRow(topics, { topic, offset: BigInt(index), key, value }, now),
  );
  const readable = rows.flatMap((row) => (isProblem(row) ? [] : row));
  const refused = await refusedRows(warehouse, tableOf(topics, topic), readable);
  return rows.map((row, index): DryRunResult => {
    const id = ofTopic[index]?.id ?? '';
    if (isProblem(row)) return { id, outcome: 'park', why: row.message };
    return refused.has(row.kafkaOffset) ? { id, outcome: 'park', why: noReadableJson } : { id, outcome: 'load' };
  });
}

/** Offsets of the rows that the warehouse refuses. */
async function refusedRows(
  warehouse: Warehouse,
  table: Batch['table'],
  rows: readonly RawRow[],
): Promise<ReadonlySet<bigint>> {
  const partition = { clusterId: 'dry-run', topic: table, topicId: 'dry-run', partition: 0 };
  const refused = new Set<bigint>();
  let left = rows;
  while (left.length > 0) {
    try {
      const nextOffset = BigInt(rows.length);
      await warehouse.append([toBatch({ partition, table, firstOffset: 0n, nextOffset, records: [], rows: left })]);
      return refused;
    } catch (error) {
      if (!(error instanceof InvalidRowsError)) throw error;
      for (const { kafkaOffset } of error.rows) refused.add(kafkaOffset);
      const remaining = left.filter(({ kafkaOffset }) => !refused.has(kafkaOffset));
      if (remaining.length === left.length) throw error;
      left = remaining;
    }
  }
  return refused;
}

async function withTemporaryWarehouse<T>(use: (warehouse: Warehouse) => Promise<T>): Promise<T> {
  await using folder = await makeTemporaryFolder('dry-run');
  const { openDuckDbWarehouse } = await import('../warehouse/duckdb/warehouse.ts');
  await using warehouse = await openDuckDbWarehouse({
    path: join(folder.path, 'dry-run.duckdb'),
    lockWaitMs: 10_000,
    clock: systemClock,
  });
  await warehouse.migrate();
  return await use(warehouse);
}
