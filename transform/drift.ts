import { z } from 'zod';
import { count, time, type ValueOf } from '../runtime/shape.ts';
import { hasTable } from './layers.ts';
import type { Query } from './state.ts';

export const driftShape = z.object({
  findings: z
    .array(
      z.object({
        kind: z.string().describe('new key, vanished key, other type, newly null, new value or unreadable document'),
        path: z.string().describe('where the value is, such as genres[].id; $ is the whole document'),
        jsonType: z.string().describe('its JSON type; missing or unreadable if there is none'),
        text: z.string().nullable().describe('the text, for keys with a list of known texts; otherwise null'),
        occurrences: count.describe('how many such values the documents had'),
        firstSeenAt: time.describe('when TMDb sent the first one'),
        lastSeenAt: time.describe('when TMDb sent the newest one'),
        exampleMovieId: count.describe('a movie whose document has it'),
        isRecent: z.boolean().describe('whether the newest one is at most drift_days older than the newest document'),
      }),
    )
    .describe("what differs between TMDb's documents and the pinned shape, the newest first"),
});
export type Drift = ValueOf<typeof driftShape>;

const driftSql = `
  select kind, path, json_type, text_value, occurrences, first_seen_at, last_seen_at, example_movie_id, is_recent
  from silver.silver_drift order by last_seen_at desc, path, json_type, text_value`;

/** What differs between TMDb's documents and the pinned shape. @returns null if no run of dbt has built the view yet. */
export async function readDrift(query: Query): Promise<Drift | null> {
  if (!(await hasTable(query, 'silver', 'silver_drift'))) return null;
  const rows = await query(driftSql);
  return {
    findings: rows.map((row) => ({
      kind: String(row['kind']),
      path: String(row['path']),
      jsonType: String(row['json_type']),
      text: row['text_value'] === '' ? null : String(row['text_value']),
      occurrences: Number(row['occurrences']),
      firstSeenAt: new Date(String(row['first_seen_at'])),
      lastSeenAt: new Date(String(row['last_seen_at'])),
      exampleMovieId: Number(row['example_movie_id']),
      isRecent: row['is_recent'] === true,
    })),
  };
}

/** How many of the differences are recent; 0 if no run of dbt has built the view yet. */
export async function countRecentDrift(query: Query): Promise<number> {
  if (!(await hasTable(query, 'silver', 'silver_drift'))) return 0;
  const [row] = await query('select count(*) as findings from silver.silver_drift where is_recent');
  return Number(row?.['findings']);
}
