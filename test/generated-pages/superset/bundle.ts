import { type Chart, chartFile, chartId, charts } from './charts.ts';
import { datasetFile, datasets } from './datasets.ts';
import { uuidOf } from './ids.ts';
import { type Yaml, yaml } from './yaml.ts';

/**
 * The files of deploy/superset/bundle and deploy/superset/bundle-snowflake that `npm run docs` writes: what Superset imports. Metrics are
 * those of dbt/metrics.json.
 */

const databaseId = uuidOf('database');

export type SupersetWarehouse = 'duckdb' | 'snowflake';

/** Addresses without credentials: `deploy/superset/prepare.py` enters the one of its settings, and Superset asks for the `XXXXXXXXXX`. */
const addresses: Readonly<Record<SupersetWarehouse, string>> = {
  duckdb: 'duckdb:////gold/tmdb_gold.duckdb',
  snowflake: 'snowflake://USER:XXXXXXXXXX@ACCOUNT/LECTURE_DE/GOLD?role=ROLE&warehouse=WAREHOUSE',
};

const databaseOf = (warehouse: SupersetWarehouse): Yaml => ({
  database_name: 'tmdb_gold',
  sqlalchemy_uri: addresses[warehouse],
  expose_in_sqllab: true,
  allow_run_async: false,
  allow_ctas: false,
  allow_cvas: false,
  allow_dml: false,
  allow_csv_upload: false,
  extra: { allows_virtual_table_explore: true },
  uuid: databaseId,
  version: '1.0.0',
});

export const databaseFile = 'databases/tmdb_gold.yaml';

/** Superset's grid has 12 columns. Rows of the dashboard, as the width of each chart. */
const widths: readonly (readonly number[])[] = [[3, 3, 3, 3], [12], [6, 6], [12], [6, 6]];
const heights = [20, 50, 50, 60, 60] as const;

function dashboard(): Yaml {
  const rest = [...charts];
  const rows = widths.map((row, rowIndex) => ({
    id: `ROW-${rowIndex}`,
    height: heights[rowIndex] ?? 50,
    charts: row.map((width) => ({ width, chart: rest.shift() as Chart })),
  }));
  const parents = ['ROOT_ID', 'GRID_ID'];
  const entries: [string, Yaml][] = rows.flatMap(({ id, height, charts: own }) => [
    [
      id,
      {
        id,
        type: 'ROW',
        parents,
        meta: { background: 'BACKGROUND_TRANSPARENT' },
        children: own.map(({ chart }) => keyOf(chart)),
      },
    ],
    ...own.map(({ width, chart }): [string, Yaml] => [
      keyOf(chart),
      {
        ...{ id: keyOf(chart), type: 'CHART', parents: [...parents, id], children: [] },
        meta: { chartId: charts.indexOf(chart) + 1, height, width, sliceName: chart.name, uuid: chartId(chart) },
      },
    ]),
  ]);
  return {
    ...{ dashboard_title: 'TMDb movies', description: 'Figures of GOLD.', css: null, slug: 'tmdb-movies' },
    ...{ certified_by: null, certification_details: null, published: true, uuid: uuidOf('dashboard') },
    position: {
      DASHBOARD_VERSION_KEY: 'v2',
      ROOT_ID: { id: 'ROOT_ID', type: 'ROOT', children: ['GRID_ID'] },
      HEADER_ID: { id: 'HEADER_ID', type: 'HEADER', meta: { text: 'TMDb movies' } },
      GRID_ID: { id: 'GRID_ID', type: 'GRID', parents: ['ROOT_ID'], children: rows.map(({ id }) => id) },
      ...Object.fromEntries(entries),
    },
    ...{ metadata: { refresh_frequency: 0, native_filter_configuration: [] }, version: '1.0.0' },
  };
}

const keyOf = (chart: Chart): string => `CHART-${charts.indexOf(chart) + 1}`;

const fileName = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z]+/g, '_')
    .replace(/^_|_$/g, '');

/** The text of each file of a bundle, by its path. Only the database depends on the warehouse. */
export function supersetFiles(warehouse: SupersetWarehouse): ReadonlyMap<string, string> {
  const files: [string, Yaml][] = [
    ['metadata.yaml', { version: '1.0.0', type: 'assets', timestamp: '2026-01-01T00:00:00+00:00' }],
    [databaseFile, databaseOf(warehouse)],
    ...datasets.map((dataset): [string, Yaml] => [
      `datasets/tmdb_gold/${dataset.name}.yaml`,
      datasetFile(dataset, databaseId),
    ]),
    ...charts.map((chart): [string, Yaml] => [`charts/${fileName(chart.name)}.yaml`, chartFile(chart)]),
    ['dashboards/tmdb_movies.yaml', dashboard()],
  ];
  return new Map(files.map(([file, content]) => [file, yaml(content)]));
}
