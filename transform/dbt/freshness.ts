import { z } from 'zod';

/** How old the newest rows of a source are, against the bounds that `sources.yml` sets. */
export interface SourceFreshness {
  /** `source.table`. */
  readonly source: string;
  readonly status: 'pass' | 'warn' | 'error';
  /** Seconds since the newest row was loaded; null when there is none. */
  readonly ageSeconds: number | null;
}

/** The fields we read of `sources.json`. A source that could not be read is not in it. */
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
    // dbt takes no row at all for one of the year 1.
    ageSeconds: max_loaded_at.startsWith('0001-') ? null : max_loaded_at_time_ago_in_s,
  }));
