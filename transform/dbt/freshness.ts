import { z } from 'zod';

/** The age of the newest rows of a source, compared with the limits in `sources.yml`. */
export interface SourceFreshness {
  /** `source.table`. */
  readonly source: string;
  readonly status: 'pass' | 'warn' | 'error';
  /** Seconds since the newest row was loaded; null if there are no rows. */
  readonly ageSeconds: number | null;
}

/** The fields of `sources.json` that we use. It omits sources that could not be read. */
const Sources = z.object({
  results: z.array(
    z.object({
      unique_id: z.string(),
      status: z.enum(['pass', 'warn', 'error']),
      max_loaded_at: z.string(),
      max_loaded_at_time_ago_in_s: z.number(),
    }),
  ),
});

export const freshnessOf = (sources: unknown): SourceFreshness[] =>
  Sources.parse(sources).results.map(({ unique_id, status, max_loaded_at, max_loaded_at_time_ago_in_s }) => ({
    source: unique_id.split('.').slice(2).join('.'),
    status,
    // For a source without rows, dbt reports the year 1.
    ageSeconds: max_loaded_at.startsWith('0001-') ? null : max_loaded_at_time_ago_in_s,
  }));
