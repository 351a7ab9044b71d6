import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { Kafka, logLevel } from 'kafkajs';
import { expect, vi } from 'vitest';
import { startBroker } from '../../../lib/kafka/broker.ts';
import { movieIdCodec, rawMovieCodec } from '../../../schemas/codecs.ts';
import type { RawMovie } from '../../../schemas/records.ts';
import type { Workspace } from './cli.ts';

/** A record of a topic, as Kafka has it; its address is topic/partition/offset. */
interface Entry {
  readonly address: string;
  readonly value: Buffer;
}

export interface AuditReport {
  readonly ids: number;
  readonly rawRecords: number;
  readonly movies: number;
  readonly alive: number;
}

const jarsDir = join(import.meta.dirname, '../../../.tools/kafka');
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');

/**
 * Compares what Kafka holds with BRONZE, the ledger, SILVER and GOLD, each computed again here: by a reader of Kafka
 * and of DuckDB that shares no code with the pipeline but the codecs and the start of the broker. Every difference fails the test.
 */
export async function audit(workspace: Workspace): Promise<AuditReport> {
  const { ids, raw, parked } = await readTopics(join(workspace.dataDir, 'kafka'));
  const instance = await DuckDBInstance.create(workspace.duckdbPath, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJS();
  try {
    await compareBronze(rows, raw, parked);
    const answers = raw
      .filter(({ address }) => !parked.has(address))
      .map(({ address, value }) => ({ address, ...rawMovieCodec.decode(value) }));
    everyIdCameToAnEnd(ids, answers, parked);
    const newest = newestAnswers(answers);
    await compareSilver(rows, newest);
    const alive = [...newest.values()].filter((answer) => answer.httpStatus === 200);
    await compareGold(rows, alive.map(documentOf));
    return { ids: ids.length, rawRecords: raw.length, movies: newest.size, alive: alive.length };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

type Rows = (sql: string) => Promise<Record<string, unknown>[]>;
type Answer = RawMovie & { readonly address: string };

/** A1-A4: every offset once, the same set on both sides, the same bytes, the ledger at the end of what is there. */
async function compareBronze(rows: Rows, raw: readonly Entry[], parked: ReadonlySet<string>): Promise<void> {
  const bronze = await rows(
    `select 'tmdb.raw-movies/' || kafka_partition || '/' || kafka_offset as address, raw_data::varchar as document from bronze.raw_movies`,
  );
  const there = bronze.map((row) => `${row['address']} ${sha256(String(row['document']))}`).sort();
  const wanted = raw
    .filter(({ address }) => !parked.has(address))
    .map(({ address, value }) => `${address} ${sha256(rawMovieCodec.decode(value).body)}`)
    .sort();
  expect(there).toEqual(wanted);
  const ends = new Map<number, bigint>();
  for (const { address } of raw) {
    const [partition = 0, offset = 0] = address.split('/').slice(1).map(Number);
    ends.set(partition, BigInt(Math.max(offset + 1, Number(ends.get(partition) ?? 0n))));
  }
  const positions = await rows(
    `select kafka_partition, next_offset from bronze.load_positions where topic = 'tmdb.raw-movies'`,
  );
  expect(new Map(positions.map((row) => [row['kafka_partition'], row['next_offset']]))).toEqual(ends);
}

/** A7: every id that was published was answered or parked. */
function everyIdCameToAnEnd(ids: readonly Entry[], answers: readonly Answer[], parked: ReadonlySet<string>): void {
  const answered = new Set(answers.map((answer) => answer.movieId));
  const open = ids.filter(
    ({ address, value }) => !parked.has(address) && !answered.has(movieIdCodec.decode(value).movieId),
  );
  expect(open).toEqual([]);
}

function newestAnswers(answers: readonly Answer[]): Map<number, Answer> {
  const newest = new Map<number, Answer>();
  for (const answer of answers) {
    const other = newest.get(answer.movieId);
    if (!other || answer.fetchedAt >= other.fetchedAt) newest.set(answer.movieId, answer);
  }
  return newest;
}

interface Document {
  readonly id: number;
  readonly title: string;
  readonly budget: number;
  readonly revenue: number;
  readonly genres: readonly { readonly id: number }[];
  readonly production_companies: readonly { readonly id: number }[];
}

const documentOf = ({ body }: Answer): Document => JSON.parse(body.toString()) as Document;
const known = (amount: number): number | null => (amount > 0 ? amount : null);

/** A5: SILVER is the newest answer of each movie. */
async function compareSilver(rows: Rows, newest: ReadonlyMap<number, Answer>): Promise<void> {
  const silver = await rows('select movie_id, title, budget_usd, revenue_usd, is_deleted from silver.silver_movies');
  const there = silver.map((row) =>
    row['is_deleted']
      ? { movie_id: Number(row['movie_id']), gone: true }
      : numbersIn(row, ['movie_id', 'title', 'budget_usd', 'revenue_usd']),
  );
  const wanted = [...newest.values()].map((answer) => {
    if (answer.httpStatus !== 200) return { movie_id: answer.movieId, gone: true };
    const { title, budget, revenue } = documentOf(answer);
    return { movie_id: answer.movieId, title, budget_usd: known(budget), revenue_usd: known(revenue) };
  });
  const byId = (a: { movie_id?: unknown }, b: { movie_id?: unknown }) => Number(a.movie_id) - Number(b.movie_id);
  expect(there.sort(byId)).toEqual(wanted.sort(byId));
}

const numbersIn = (row: Record<string, unknown>, columns: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(
    columns.map((column) => [column, typeof row[column] === 'bigint' ? Number(row[column]) : row[column]]),
  );

/** A6: the facts are the living movies, and each genre counts the movies that name it. */
async function compareGold(rows: Rows, documents: readonly Document[]): Promise<void> {
  const facts = await rows(
    'select movie_id, revenue_usd, budget_usd, profit_usd from gold.fact_movies order by movie_id',
  );
  const wanted = documents.map(({ id, revenue, budget }) => ({
    movie_id: id,
    revenue_usd: known(revenue),
    budget_usd: known(budget),
    profit_usd: revenue > 0 && budget > 0 ? revenue - budget : null,
  }));
  const columns = ['movie_id', 'revenue_usd', 'budget_usd', 'profit_usd'];
  expect(facts.map((row) => numbersIn(row, columns))).toEqual(wanted.sort((a, b) => a.movie_id - b.movie_id));
  const perGenre = new Map<number, number>();
  for (const { genres } of documents) {
    for (const id of new Set(genres.map((genre) => genre.id))) perGenre.set(id, (perGenre.get(id) ?? 0) + 1);
  }
  const counts = await rows('select genre_id, movie_count from gold.kpi_genre_performance where genre_id > 0');
  expect(new Map(counts.map((row) => [Number(row['genre_id']), Number(row['movie_count'])]))).toEqual(perGenre);
}

async function readTopics(dataDir: string) {
  expect(existsSync(dataDir)).toBe(true);
  await using broker = await startBroker({ dataDir, jarsDir });
  const kafka = new Kafka({ brokers: [...broker.brokers], logLevel: logLevel.NOTHING });
  const ids = await readAll(kafka, 'tmdb.movie-ids');
  const raw = await readAll(kafka, 'tmdb.raw-movies');
  const letters = await readAll(kafka, 'tmdb.dead-letters');
  // A dead letter's key is its origin: topic/partition/offset.
  return { ids, raw, parked: new Set(letters.map(({ key }) => key)) };
}

async function readAll(kafka: Kafka, topic: string): Promise<(Entry & { readonly key: string })[]> {
  const admin = kafka.admin();
  await admin.connect();
  // For a moment after its start the broker leads no partition.
  const offsets = await vi.waitFor(() => admin.fetchTopicOffsets(topic), { timeout: 30_000, interval: 200 });
  const ends = new Map(offsets.map(({ partition, low, high }) => [partition, low === high ? 0 : Number(high)]));
  await admin.disconnect();
  const entries: (Entry & { key: string })[] = [];
  const consumer = kafka.consumer({ groupId: `audit-${Math.random()}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const open = new Set([...ends].filter(([, end]) => end > 0).map(([partition]) => partition));
  const { promise, resolve } = Promise.withResolvers<void>();
  if (open.size === 0) resolve();
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      if (message.value)
        entries.push({
          address: `${topic}/${partition}/${message.offset}`,
          key: String(message.key),
          value: message.value,
        });
      if (Number(message.offset) + 1 >= (ends.get(partition) ?? 0)) open.delete(partition);
      if (open.size === 0) resolve();
    },
  });
  await promise;
  await consumer.disconnect();
  return entries;
}
