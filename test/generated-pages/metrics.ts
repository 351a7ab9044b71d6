import { type Metric, metrics, metricsTable } from '../../schemas/metrics.ts';

/** The files that `npm run docs` writes from dbt/metrics.json: the macro of the KPI tables, and the descriptions. */

const markers: Readonly<Record<string, string>> = { median_revenue_usd: 'figures.quantile' };

/** The text of dbt/macros/movie_measures.sql. dbt cannot read the file of the metrics itself. */
export function measuresMacro(): string {
  const expressions = metrics.map(({ name, sql }) => {
    const marker = markers[name];
    return `${marker ? `    {# mutant: ${marker} #}\n` : ''}    ${sql} as ${name}`;
  });
  return [
    '-- fmt: off',
    '{# The measures of each KPI table: aggregates over `fact_released_features`. `npm run docs` writes this file from metrics.json. #}',
    '{% macro movie_measures() -%}',
    expressions.join(',\n'),
    '{%- endmacro %}',
    '',
  ].join('\n');
}

/** The text of dbt/models/docs/metrics.md: the descriptions of the columns of the KPI tables. */
export const metricDocs = (): string =>
  metrics.map(({ name, description }) => `{% docs ${name} %}${description}{% enddocs %}\n`).join('\n');

/** The text of docs/metrics.md. */
export const metricsPage = (): string => [introduction, ...metrics.map(sectionOf)].join('\n');

const introduction = `# Metrics

\`npm run docs\` writes this page from \`dbt/metrics.json\`. Do not edit it.

Each metric is defined once, as an aggregate over \`gold.${metricsTable}\`, which has one row per released feature. The KPI tables have
each metric as a column, per genre and per year. For any other group of movies, use the same expression:

\`\`\`sql
select MEASURE from gold.${metricsTable} where ...
\`\`\`

[The overview](../dbt/models/docs/overview.md) defines released features, known money and current popularity.
`;

const sectionOf = ({ name, label, unit, sql, description }: Metric): string =>
  `## ${name}\n\n${label}, in ${unit}. ${description}\n\n\`\`\`sql\n${sql}\n\`\`\`\n`;
