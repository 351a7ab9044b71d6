import { metrics } from '../../../schemas/metrics.ts';
import { byCompany, byGenre, type Dataset, released, topMovies } from './datasets.ts';
import { uuidOf } from './ids.ts';
import type { Yaml } from './yaml.ts';

/** A chart: the data that it asks for, and how it is drawn. */
export interface Chart {
  readonly name: string;
  readonly dataset: Dataset;
  readonly kind: 'number' | 'bars' | 'table' | 'rows';
  /** What the rows are grouped by; for `rows`, the columns that are shown. */
  readonly columns: readonly string[];
  readonly metrics: readonly string[];
  /** Rows with NULL here are left out. */
  readonly known?: string;
  /** A column that must have this value. */
  readonly only?: readonly [column: string, value: string];
  /** The column or metric that orders the rows, and whether the largest is first. */
  readonly order?: readonly [name: string, isDescending: boolean];
  readonly limit: number;
}

const number = (name: string, metric: string): Chart => ({
  ...{ name, dataset: released, kind: 'number', columns: [], metrics: [metric], limit: 1 },
});

export const charts: readonly Chart[] = [
  number('Released features', 'movie_count'),
  number('Total revenue', 'total_revenue_usd'),
  number('Median return (%)', 'median_roi_pct'),
  number('Mean of all votes', 'weighted_vote'),
  {
    ...{ name: 'Total revenue by release year', dataset: released, kind: 'bars' },
    ...{ columns: ['release_year'], metrics: ['total_revenue_usd'], known: 'release_year' },
    ...{ order: ['release_year', false], limit: 500 },
  },
  {
    ...{ name: 'Median return by release year (%)', dataset: released, kind: 'bars' },
    ...{ columns: ['release_year'], metrics: ['median_roi_pct'], known: 'release_year' },
    ...{ order: ['release_year', false], limit: 500 },
  },
  {
    ...{ name: 'Median return by genre (%)', dataset: byGenre, kind: 'bars' },
    ...{ columns: ['genre_name'], metrics: ['median_roi_pct'], order: ['median_roi_pct', true], limit: 100 },
  },
  {
    ...{ name: 'Genres', dataset: byGenre, kind: 'table', columns: ['genre_name'] },
    metrics: [
      'movie_count',
      'money_movie_count',
      'total_revenue_usd',
      'median_revenue_usd',
      'median_roi_pct',
      'overall_roi_pct',
      'weighted_vote',
    ],
    ...{ order: ['movie_count', true], limit: 100 },
  },
  {
    ...{ name: 'Companies by revenue', dataset: byCompany, kind: 'table', columns: ['company_name'] },
    metrics: ['total_revenue_usd', 'movie_count', 'money_movie_count', 'median_roi_pct', 'overall_roi_pct'],
    ...{ order: ['total_revenue_usd', true], limit: 30 },
  },
  {
    ...{ name: 'Top ten movies by revenue', dataset: topMovies, kind: 'rows', metrics: [] },
    columns: ['rank', 'title', 'release_year', 'revenue_usd', 'budget_usd', 'roi_pct', 'vote_average'],
    ...{ only: ['metric', 'revenue'], order: ['rank', false], limit: 10 },
  },
];

const visualizations = {
  number: 'big_number_total',
  bars: 'echarts_timeseries_bar',
  table: 'table',
  rows: 'table',
} as const;

/** Superset replaces it by the id of the dataset when it imports the bundle. */
const anyDataset = '1__table';

/** What the chart asks the database for: the body of Superset's `chart/data`. */
function queryOf({ columns, metrics: measures, known, only, order, limit, kind }: Chart, formData: Yaml): Yaml {
  const filters: Yaml[] = [
    ...(known === undefined ? [] : [{ col: known, op: 'IS NOT NULL' }]),
    ...(only === undefined ? [] : [{ col: only[0], op: '==', val: only[1] }]),
  ];
  const query = {
    ...{ filters, extras: {}, applied_time_extras: {}, columns, row_limit: limit, series_limit: 0 },
    ...(kind === 'rows' ? {} : { metrics: measures }),
    ...{ orderby: order === undefined ? [] : [[order[0], !order[1]]], annotation_layers: [], url_params: {} },
    ...{ custom_params: {}, custom_form_data: {}, time_range: 'No filter' },
  };
  return {
    datasource: { id: 1, type: 'table' },
    ...{ force: false, queries: [query], form_data: formData, result_format: 'json', result_type: 'full' },
  };
}

const adhocFilter = (subject: string, operator: string, comparator: Yaml): Yaml => ({
  ...{ clause: 'WHERE', expressionType: 'SIMPLE', subject, operator, comparator },
  operatorId: operator === 'IS NOT NULL' ? 'IS_NOT_NULL' : 'EQUALS',
});

const formatOf = (metric: string): string =>
  metrics.find(({ name }) => name === metric)?.unit === 'usd' ? '$,.4s' : 'SMART_NUMBER';

/** How Superset's editor of the chart describes the same. */
function formDataOf(chart: Chart): { readonly [key: string]: Yaml } {
  const { kind, columns, metrics: measures, known, only, order, limit } = chart;
  const shared = {
    datasource: anyDataset,
    viz_type: visualizations[kind],
    adhoc_filters: [
      ...(known === undefined ? [] : [adhocFilter(known, 'IS NOT NULL', null)]),
      ...(only === undefined ? [] : [adhocFilter(only[0], '==', only[1])]),
    ],
    row_limit: limit,
  };
  if (kind === 'number') return { ...shared, metric: measures[0] ?? '' };
  if (kind === 'rows') {
    const order_by_cols = order === undefined ? [] : [JSON.stringify([order[0], !order[1]])];
    return { ...shared, query_mode: 'raw', all_columns: columns, order_by_cols, server_page_length: 10 };
  }
  if (kind === 'table') {
    return { ...shared, query_mode: 'aggregate', groupby: columns, metrics: measures, order_desc: order?.[1] ?? true };
  }
  return {
    ...{ ...shared, x_axis: columns[0] ?? '', metrics: measures, groupby: [], x_axis_sort: order?.[0] ?? '' },
    ...{ x_axis_sort_asc: !(order?.[1] ?? false), xAxisForceCategorical: true, show_legend: false },
    y_axis_format: formatOf(measures[0] ?? ''),
  };
}

export const chartId = ({ name }: Chart): string => uuidOf(`chart ${name}`);

/** The file of a chart. */
export function chartFile(chart: Chart): Yaml {
  const formData = formDataOf(chart);
  return {
    slice_name: chart.name,
    description: null,
    certified_by: null,
    certification_details: null,
    viz_type: visualizations[chart.kind],
    params: formData,
    query_context: JSON.stringify(queryOf(chart, formData)),
    cache_timeout: null,
    uuid: chartId(chart),
    version: '1.0.0',
    dataset_uuid: uuidOf(`dataset ${chart.dataset.name}`),
  };
}
