import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** The definitions of the metrics: the KPI tables, their documentation and every chart use this file. */
const file = join(import.meta.dirname, '..', 'dbt', 'metrics.json');

const metricShape = z.strictObject({
  name: z.string().regex(/^[a-z][a-z_]*$/),
  /** For a heading or an axis. */
  label: z.string().min(1),
  unit: z.enum(['movies', 'usd', 'percent', 'points of 10', 'votes', 'popularity']),
  /** An aggregate over the columns of `metricsTable`, in SQL that DuckDB and Snowflake read alike. */
  sql: z.string().min(1),
  /** Which movies count and how it is rounded, in Markdown. */
  description: z.string().min(1),
});
export type Metric = z.infer<typeof metricShape>;

const definitions = z
  .strictObject({ table: z.string(), metrics: z.array(metricShape).min(1) })
  .parse(JSON.parse(readFileSync(file, 'utf8')));

/** The table of GOLD that every metric counts: one row per movie. */
export const metricsTable: string = definitions.table;

/** In the order of the columns of the KPI tables. */
export const metrics: readonly Metric[] = definitions.metrics;

/**
 * The list of a SELECT with these metrics, each under its name: a query `select ${selectMetrics(['median_roi_pct'])} from
 * gold.${metricsTable} where ...` gives the figure of the KPI tables for any other group of movies.
 * @throws RangeError for a name that no metric has.
 */
export function selectMetrics(names: readonly string[] = metrics.map(({ name }) => name)): string {
  const expressions = names.map((name) => {
    const metric = metrics.find((one) => one.name === name);
    if (!metric) throw new RangeError(`${name} is not a metric of ${file}`);
    return `${metric.sql} as ${name}`;
  });
  return expressions.join(', ');
}
