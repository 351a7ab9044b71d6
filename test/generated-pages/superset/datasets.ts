import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Metric, metrics, metricsTable } from '../../../schemas/metrics.ts';
import { docsBlocks } from '../docs-blocks.ts';
import { uuidOf } from './ids.ts';
import type { Yaml } from './yaml.ts';

const dbt = join(import.meta.dirname, '../../../dbt/models');

export interface Column {
  readonly name: string;
  /** As in the contract of the model. */
  readonly type: string;
  readonly description: string;
}

/** A table or a query that charts read. */
export interface Dataset {
  readonly name: string;
  readonly description: string;
  /** Of a query; a table of GOLD has none. */
  readonly sql?: string;
  readonly columns: readonly Column[];
  /** Whether its rows are those of the metrics' table, so that every metric has a meaning. */
  readonly hasMetrics: boolean;
}

/** The columns of a model of GOLD, with the texts of its contract. */
function columnsOf(model: string): Column[] {
  const blocks = new Map(
    ['columns.md', 'metrics.md'].flatMap((file) => [...docsBlocks(readFileSync(join(dbt, 'docs', file), 'utf8'))]),
  );
  const [contract = ''] = readFileSync(join(dbt, 'gold', `${model}.yml`), 'utf8').split(/^unit_tests:/m);
  return contract
    .split(/^ {6}- name: /m)
    .slice(1)
    .map((text) => {
      const description = /^ {8}description: (.*(?:\n {10}.*)*)/m.exec(text)?.[1] ?? '';
      const [, block] = /doc\('(\w+)'\)/.exec(description) ?? [];
      const plain = description
        .replace(/^>\s*/, '')
        .replace(/^"(.*)"$/s, '$1')
        .replace(/\s+/g, ' ')
        .trim();
      return {
        name: text.split('\n')[0] ?? '',
        type: typeOf(/^ {8}data_type: (.+)$/m.exec(text)?.[1] ?? ''),
        description: block === undefined ? plain : (blocks.get(block) ?? ''),
      };
    });
}

/** Warehouses name the type of a time differently, so it is an expression of dbt. */
const typeOf = (type: string): string => (type.includes('timestamp') ? 'timestamp' : type);

const text = (name: string, description: string): Column => ({ name, type: 'varchar', description });

const features: Dataset = {
  name: metricsTable,
  description: 'Released features, one row per movie. Every metric is an aggregate over these rows.',
  columns: columnsOf(metricsTable),
  hasMetrics: true,
};

export const byGenre: Dataset = {
  name: 'released_features_by_genre',
  description:
    'Released features, one row per movie and genre. A movie counts under each of its genres: rows of genres do not add up.',
  sql: `select genres.genre_name, movies.*
from gold.bridge_movie_genres as bridge
inner join gold.dim_genres as genres on bridge.genre_sk = genres.genre_sk
inner join gold.${metricsTable} as movies on bridge.movie_id = movies.movie_id`,
  columns: [text('genre_name', 'Name of the genre.'), ...features.columns],
  hasMetrics: true,
};

export const byCompany: Dataset = {
  name: 'released_features_by_company',
  description:
    'Released features, one row per movie and production company. A movie counts under each of its companies: rows of companies do not add up.',
  sql: `select companies.company_name, companies.origin_country, movies.*
from gold.bridge_movie_companies as bridge
inner join gold.dim_production_companies as companies on bridge.company_sk = companies.company_sk
inner join gold.${metricsTable} as movies on bridge.movie_id = movies.movie_id`,
  columns: [
    text('company_name', 'Name of the company.'),
    text('origin_country', 'Country of the company.'),
    ...features.columns,
  ],
  hasMetrics: true,
};

export const topMovies: Dataset = {
  name: 'kpi_top_movies',
  description: 'The best movies by each metric. Filter by `metric`: the values of different metrics do not add up.',
  columns: columnsOf('kpi_top_movies'),
  hasMetrics: false,
};

export const released = features;
export const datasets: readonly Dataset[] = [features, byGenre, byCompany, topMovies];

/** How Superset writes the values of a metric, by its unit. */
const formats: Readonly<Record<Metric['unit'], string>> = {
  movies: ',d',
  votes: ',d',
  usd: '$,.4s',
  percent: ',.1f',
  'points of 10': '.2f',
  popularity: ',.1f',
};

/** The heading of a metric. */
const headingOf = ({ label, unit }: Metric): string => (unit === 'percent' ? `${label} (%)` : label);

const metricOf = (metric: Metric): Yaml => ({
  metric_name: metric.name,
  verbose_name: headingOf(metric),
  expression: metric.sql,
  description: metric.description,
  d3format: formats[metric.unit],
});

const isTime = (type: string): boolean => /^(?:date|timestamp)/.test(type);

const columnOf = ({ name, type, description }: Column): Yaml => ({
  column_name: name,
  type: type.toUpperCase(),
  is_dttm: isTime(type),
  is_active: true,
  groupby: true,
  filterable: true,
  description,
});

/** The file of a dataset. */
export const datasetFile = ({ name, description, sql, columns, hasMetrics }: Dataset, databaseId: string): Yaml => ({
  table_name: name,
  description,
  schema: 'gold',
  sql: sql ?? null,
  filter_select_enabled: true,
  uuid: uuidOf(`dataset ${name}`),
  metrics: hasMetrics ? metrics.map(metricOf) : [],
  columns: columns.map(columnOf),
  version: '1.0.0',
  database_uuid: databaseId,
});
