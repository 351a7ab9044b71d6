import { isDeepStrictEqual } from 'node:util';
import type { Offsets } from '../../../kafka/topic.ts';
import type { SnowflakeSession } from '../../../warehouse/snowflake/session.ts';
import { topics } from '../kafka/topics.ts';
import { documentOf, isReadable } from './topics.ts';

/** The faults of BRONZE and its ledger, each with its address. All lists are empty if there are none. */
interface Findings {
  readonly lost: string[];
  readonly doubled: string[];
  readonly different: string[];
  /** Rows that do not match their batch's line, lines that are not contiguous, positions that are not at the end. */
  readonly ledger: string[];
  /** Rows that their transaction should have removed. */
  readonly leftOver: string[];
}

export const nothingWrong: Findings = { lost: [], doubled: [], different: [], ledger: [], leftOver: [] };

interface RawRow {
  readonly offset: bigint;
  readonly batchId: string;
  readonly document: string;
}

interface Line {
  readonly batchId: string;
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  readonly rows: number;
}

interface PartitionContents {
  readonly rows: readonly RawRow[];
  readonly lines: readonly Line[];
  readonly position: bigint | undefined;
}

/**
 * Compares BRONZE with the complete topics. No call to it may still be on its way.
 * @param session a connection without injected faults.
 */
export async function auditBronze(
  session: SnowflakeSession,
  ends: ReadonlyMap<string, Offsets>,
  padding = '',
): Promise<{ readonly findings: Findings; readonly rows: number; readonly batches: number }> {
  const findings: Findings = { lost: [], doubled: [], different: [], ledger: [], leftOver: [] };
  // Waits for transactions that still have the lock. Those of dead processes lose it.
  await session.execute({ sql: 'update bronze.load_lock set taken_at = sysdate()' });
  let [rows, batches] = [0, 0];
  for (const [topic, ofTopic] of ends) {
    for (const [partition, end] of ofTopic) {
      const contents = await contentsOf(session, topic, partition);
      rows += contents.rows.length;
      batches += contents.lines.length;
      auditRows({ topic, partition, end, padding }, contents, findings);
      auditLedger({ topic, partition, end, padding }, contents, findings);
    }
  }
  const [left] = (await session.execute({ sql: 'select count(*) as lines from bronze.load_lines' })).rows;
  if (Number(left?.['lines']) !== 0) findings.leftOver.push(`${left?.['lines']} lines in load_lines`);
  return { findings, rows, batches };
}

interface Expected {
  readonly topic: string;
  readonly partition: number;
  readonly end: bigint;
  readonly padding: string;
}

async function contentsOf(session: SnowflakeSession, topic: string, partition: number): Promise<PartitionContents> {
  const table = topic === topics.rawGenres.name ? 'raw_genres' : 'raw_movies';
  const query = async (sql: string, binds: (string | number)[]) => (await session.execute({ sql, binds })).rows;
  const rows = await query(
    `select kafka_offset, batch_id, to_json(raw_data) as document from bronze.${table}
      where kafka_partition = ? order by kafka_offset`,
    [partition],
  );
  const lines = await query(
    `select batch_id, first_offset, next_offset, row_count from bronze.load_batches
      where topic = ? and kafka_partition = ? order by load_seq`,
    [topic, partition],
  );
  const [position] = await query(
    'select next_offset from bronze.load_positions where topic = ? and kafka_partition = ?',
    [topic, partition],
  );
  const bigint = (value: unknown) => BigInt(String(value));
  return {
    rows: rows.map((row) => ({
      offset: bigint(row['kafka_offset']),
      batchId: String(row['batch_id']),
      document: String(row['document']),
    })),
    lines: lines.map((row) => ({
      batchId: String(row['batch_id']),
      firstOffset: bigint(row['first_offset']),
      nextOffset: bigint(row['next_offset']),
      rows: Number(row['row_count']),
    })),
    position: position && bigint(position['next_offset']),
  };
}

function auditRows({ topic, partition, end, padding }: Expected, { rows }: PartitionContents, findings: Findings) {
  const seen = new Set<bigint>();
  for (const { offset, document } of rows) {
    const address = `${topic}/${partition}/${offset}`;
    if (seen.has(offset)) findings.doubled.push(address);
    seen.add(offset);
    const expected = documentOf(topic, partition, offset, padding);
    const isAsSent = isReadable(offset) && offset < end && isDeepStrictEqual(JSON.parse(document), expected);
    if (!isAsSent) findings.different.push(address);
  }
  for (let offset = 0n; offset < end; offset += 1n) {
    if (isReadable(offset) && !seen.has(offset)) findings.lost.push(`${topic}/${partition}/${offset}`);
  }
}

function auditLedger({ topic, partition, end }: Expected, contents: PartitionContents, findings: Findings) {
  const note = (what: string) => findings.ledger.push(`${topic}/${partition}: ${what}`);
  const byBatch = Map.groupBy(contents.rows, ({ batchId }) => batchId);
  let next = 0n;
  for (const { batchId, firstOffset, nextOffset, rows } of contents.lines) {
    if (firstOffset !== next) note(`${batchId} begins at ${firstOffset}, not at ${next}`);
    next = nextOffset;
    const loaded = byBatch.get(batchId) ?? [];
    byBatch.delete(batchId);
    if (loaded.length !== rows) note(`${batchId} has ${loaded.length} rows, its line says ${rows}`);
    const isWithin = ({ offset }: RawRow) => offset >= firstOffset && offset < nextOffset;
    if (!loaded.every(isWithin)) note(`${batchId} has rows of other offsets`);
  }
  for (const batchId of byBatch.keys()) note(`${batchId} has no line`);
  if (next !== end) note(`the lines end at ${next}, the topic at ${end}`);
  if (contents.position !== end) note(`the position is ${contents.position}, the topic ends at ${end}`);
}
