import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { metrics, metricsTable, selectMetrics } from '../../schemas/metrics.ts';
import { measuresMacro, metricDocs, metricsPage } from '../generated-pages/metrics.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

describe('the metrics in dbt/metrics.json', () => {
  it.each([
    ['docs/metrics.md', metricsPage],
    ['dbt/macros/movie_measures.sql', measuresMacro],
    ['dbt/models/docs/metrics.md', metricDocs],
  ])('%s is up to date: otherwise run npm run docs', (file, text) => {
    expect(read(file)).toBe(text());
  });

  it('have different names, and each is a described column of both KPI tables', () => {
    const names = metrics.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const table of ['kpi_genre_performance', 'kpi_yearly_trends']) {
      const yaml = read(`dbt/models/gold/${table}.yml`);
      for (const name of names) expect(yaml, table).toContain(`description: "{{ doc('${name}') }}"`);
    }
  });

  it('read only columns of their table', () => {
    const yaml = read(`dbt/models/gold/${metricsTable}.yml`);
    const columns = new Set([...yaml.matchAll(/^ {6}- name: (\w+)$/gm)].map(([, name]) => name));
    const words =
      'as bigint by case cast count decimal double end group is not null nullif order percentile_cont round sum then when within';
    for (const { name, sql } of metrics) {
      const used = (sql.match(/[a-z_]+/g) ?? []).filter((word) => !words.split(' ').includes(word));
      expect(
        used.filter((word) => !columns.has(word)),
        name,
      ).toEqual([]);
    }
  });

  it('are selected by name, in the order of the names', () => {
    expect(selectMetrics(['total_vote_count', 'movie_count'])).toBe(
      'cast(sum(vote_count) as bigint) as total_vote_count, count(*) as movie_count',
    );
    expect(() => selectMetrics(['revenue; drop table x'])).toThrow('is not a metric');
  });
});
