import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { metrics, metricsTable } from '../../schemas/metrics.ts';
import { databaseFile, supersetFiles } from '../generated-pages/superset/bundle.ts';
import { charts } from '../generated-pages/superset/charts.ts';
import { datasets } from '../generated-pages/superset/datasets.ts';
import { yaml } from '../generated-pages/superset/yaml.ts';

const root = join(import.meta.dirname, '../..');
const bundle = join(root, 'deploy/superset/bundle');

describe('the bundle for Superset', () => {
  it('is up to date, without other files: otherwise run npm run docs', () => {
    const files = readdirSync(bundle, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml'));
    expect(Object.fromEntries(files.map((file) => [file, readFileSync(join(bundle, file), 'utf8')]))).toEqual(
      Object.fromEntries(supersetFiles('duckdb')),
    );
    const onSnowflake = readFileSync(join(`${bundle}-snowflake`, databaseFile), 'utf8');
    expect(onSnowflake).toBe(supersetFiles('snowflake').get(databaseFile));
  });

  it('differs on Snowflake only in the address of the database, which has no credentials', () => {
    const [files, onSnowflake] = [supersetFiles('duckdb'), supersetFiles('snowflake')];
    expect([...onSnowflake.keys()]).toEqual([...files.keys()]);
    expect([...files.keys()].filter((file) => files.get(file) !== onSnowflake.get(file))).toEqual([databaseFile]);
    const linesOf = (text = '') => text.split('\n').filter((line) => !line.startsWith('sqlalchemy_uri: '));
    expect(linesOf(onSnowflake.get(databaseFile))).toEqual(linesOf(files.get(databaseFile)));
    const passwords = [...files.values(), ...onSnowflake.values()].flatMap((text) => [
      ...text.matchAll(/:\/\/[^:/"]*:([^@"]*)@/g),
    ]);
    expect(passwords.map(([, password]) => password)).toEqual(['XXXXXXXXXX']);
  });

  it('draws only columns and metrics that the dataset of the chart has', () => {
    const names = new Set(metrics.map(({ name }) => name));
    for (const { name, dataset, columns, metrics: measures, known, only } of charts) {
      const own = new Set(dataset.columns.map((column) => column.name));
      expect(
        [...columns, known ?? [], only?.[0] ?? []].flat().filter((column) => !own.has(column)),
        name,
      ).toEqual([]);
      expect(
        measures.filter((measure) => !dataset.hasMetrics || !names.has(measure)),
        name,
      ).toEqual([]);
    }
  });

  it('describes each column', () => {
    const columns = datasets.flatMap((dataset) => dataset.columns);
    expect(columns.filter(({ type, description }) => !/^\w+$/.test(type) || /^$|[{}]/.test(description))).toEqual([]);
  });

  it('is named in the exposure of dbt with each model that it reads', () => {
    const exposures = readFileSync(join(root, 'dbt/models/exposures.yml'), 'utf8');
    const [, superset = ''] = /- name: superset\n(.*?)(?=\n {2}- name: |$)/s.exec(exposures) ?? [];
    const used = datasets.flatMap(({ name, sql }) =>
      sql ? [...sql.matchAll(/gold\.(\w+)/g)].map(([, one]) => one) : [name],
    );
    const named = [...superset.matchAll(/ref\('(\w+)'\)/g)].map(([, one]) => one);
    expect(named.toSorted()).toEqual([...new Set([...used, metricsTable])].toSorted());
  });

  it('is written as YAML that JSON explains', () => {
    expect(yaml({ a: [{ b: 'x: "y"', c: [] }, 1], d: {}, e: "it's" })).toBe(
      `a:\n  - b: 'x: "y"'\n    c: []\n  - 1\nd: {}\ne: "it's"\n`,
    );
  });
});
