import { timestampText } from './numbered-batch.ts';
import { plainRow } from './plain-row.ts';
import {
  type Batch,
  type RawGenresRow,
  type RawMovieRow,
  type RawTable,
  rawTables,
  type TopicId,
} from './warehouse.ts';

type RawRow = RawMovieRow | RawGenresRow;
type Row = Readonly<Record<string, unknown>>;

/** Runs a query in the transaction of the rows. */
export type Query = (sql: string) => Promise<readonly Row[]>;

/** The columns that identify an answer, whichever record has it. */
export const answerColumns = {
  raw_movies: ['movie_id', 'source_url', 'fetched_at'],
  raw_genres: ['language', 'source_url', 'fetched_at'],
} as const satisfies Readonly<Record<RawTable, readonly string[]>>;

interface Repeats {
  /** Of the tables that the rows go into. @default those of BRONZE */
  readonly prefix?: string;
  /** Whether a row is left out if it is repeated. @default those that were sent back */
  readonly isCandidate?: (row: RawRow) => boolean;
  /** Only its rows count. @default those of all topics */
  readonly topic?: TopicId;
}

/** Answers per query. */
const atOnce = 5_000;

/**
 * The same batches without repeated rows: those that were sent back, and whose answer is in BRONZE, or in another row of these batches. A
 * parked record may have become a row at its own offset, and a redrive that is killed sends records twice.
 */
export async function withoutRepeated(
  batches: readonly Batch[],
  query: Query,
  { prefix = '', isCandidate = ({ isSentBack = false }) => isSentBack, topic }: Repeats = {},
): Promise<readonly Batch[]> {
  const repeated = new Set<RawRow>();
  for (const table of rawTables) {
    const rows = batches.flatMap((batch): readonly RawRow[] => (batch.table === table ? batch.rows : []));
    const candidates = rows.filter(isCandidate);
    if (candidates.length === 0) continue;
    const there = await answersIn(query, { table, prefix, topic }, candidates);
    for (const row of rows) if (!isCandidate(row)) there.add(answerOf(row)); // mutant: warehouse.sent-back-beside
    for (const row of candidates) {
      const answer = answerOf(row);
      if (there.has(answer)) repeated.add(row); // mutant: warehouse.sent-back
      there.add(answer);
    }
  }
  if (repeated.size === 0) return batches;
  return batches.map((batch) => ({ ...batch, rows: [...batch.rows].filter((row) => !repeated.has(row)) }) as Batch);
}

const answerOf = (row: RawRow): string =>
  JSON.stringify(['movieId' in row ? row.movieId : row.language, row.sourceUrl, row.fetchedAt.getTime()]);

/** The answers of a table about the movies or languages of these rows, from the time of these rows. */
async function answersIn(
  query: Query,
  { table, prefix, topic }: { readonly table: RawTable; readonly prefix: string; readonly topic: TopicId | undefined },
  rows: readonly RawRow[],
): Promise<Set<string>> {
  const [key] = answerColumns[table];
  const found = new Set<string>();
  for (let from = 0; from < rows.length; from += atOnce) {
    const wanted = rows.slice(from, from + atOnce);
    const keys = new Set(wanted.map((row) => ('movieId' in row ? String(row.movieId) : quoted(row.language))));
    const times = wanted.map(({ fetchedAt }) => fetchedAt.getTime()).sort((a, b) => a - b);
    const present = await query(
      `select ${answerColumns[table].join(', ')} from bronze.${prefix}${table}
        where ${key} in (${[...keys].join(', ')})
          and fetched_at >= ${timestamp(times[0])} and fetched_at <= ${timestamp(times.at(-1))}
          ${topic ? `and ${isOfTopic(topic)}` : ''}`,
    );
    for (const row of present.map(plainRow)) {
      found.add(JSON.stringify([row[key], row['source_url'], Date.parse(String(row['fetched_at']))]));
    }
  }
  return found;
}

/** Lines of the ledger from before topic ids were stored have none. */
const isOfTopic = ({ clusterId, topic, topicId }: TopicId): string => `
  batch_id in (select batch_id from bronze.load_batches
                where cluster_id = ${quoted(clusterId)} and topic = ${quoted(topic)} and topic_id in (${quoted(topicId)}, ''))`;

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const timestamp = (ms = 0): string => quoted(timestampText(new Date(ms)));
