import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { definitionPage } from '../../../dashboard/definition-pages.ts';
import { definitionLink, readDefinitions } from '../../../dashboard/definitions.ts';
import { pages } from '../../../dashboard/pages/index.ts';
import { docsBlocks } from '../../generated-pages/docs-blocks.ts';
import { modelsText } from '../../generated-pages/models.ts';
import { root } from '../../support/deploy/project.ts';

const figures = pages.flatMap((page) => page.figures);

describe('the definitions', () => {
  const definitions = readDefinitions();
  const pageOf = (path: string): string => `${definitionPage(path, definitions)?.body}`;
  const paths = [
    '/definitions',
    '/definitions/metrics',
    ...[...definitions.models.keys()].map((name) => `/definitions/${name}`),
  ];

  it('are those of the dbt project: otherwise run npm run docs', () => {
    expect(readFileSync(join(root, 'dbt/models.json'), 'utf8')).toBe(modelsText());
  });

  it('take texts from the blocks of the documentation', () => {
    const text = '{% docs a %}One.{% enddocs %}\n\n{% docs b_usd %}\nTwo\nlines.\n{% enddocs %}';
    expect([...docsBlocks(text)]).toEqual([
      ['a', 'One.'],
      ['b_usd', 'Two\nlines.'],
    ]);
    expect(definitions.models.get('fact_movies')?.columns.find(({ name }) => name === 'status')).toEqual({
      name: 'status',
      type: 'varchar',
      description: expect.stringContaining('status at TMDb: `Rumored`'),
      tests: [],
    });
  });

  it('name for each figure exactly the models that its query reads', () => {
    for (const { id, models, query } of figures) {
      const sql = [query(new URLSearchParams()), query(new URLSearchParams({ genre: 'x' }))]
        .map((one) => one.sql)
        .join(' ');
      const words = new Set(sql.match(/\w+/g));
      const read = [...definitions.models.keys()].filter((name) => words.has(name));
      expect(models.toSorted(), id).toEqual(read.toSorted());
    }
  });

  it('have every aggregate of a figure as a metric', () => {
    const aggregate =
      /\b(?:avg|count|kurtosis|max|mean|median|min|mode|percentile_\w+|product|quantile\w*|stddev\w*|sum|var\w*)\s*\(/i;
    for (const { id, query } of figures) {
      let { sql } = query(new URLSearchParams({ genre: 'x', order: 'return' }));
      for (const metric of definitions.metrics.values()) sql = sql.replaceAll(metric.sql, '');
      // A condition for the rows that are shown is no figure.
      expect(sql.replace(/having count\(\*\) >= \d+/, ''), id).not.toMatch(aggregate);
    }
    expect('select sum(revenue_usd)').toMatch(aggregate);
  });

  it('name as models that the dashboard reads exactly those of its figures', () => {
    const named = [...definitions.models.values()].filter(({ exposures }) => exposures.includes('Dashboard'));
    const read = new Set(figures.flatMap(({ models }) => models));
    expect(named.map(({ name }) => name).toSorted()).toEqual([...read].toSorted());
  });

  it('are linked from each column that a figure takes from GOLD, to a part of a page that exists', () => {
    const computed = ['movie.genres', 'movie.companies', 'movies.release_year', 'return-by-budget.budget_class'];
    const links = figures.flatMap(({ id, columns, models }) =>
      columns
        .filter(({ key }) => !computed.includes(`${id}.${key}`))
        .map(({ key }) => definitionLink(definitions, models)(key) ?? key),
    );
    expect(links.length).toBeGreaterThan(100);
    for (const link of new Set(links)) {
      const [path = '', anchor = ''] = link.split('#');
      expect(pageOf(path), link).toContain(` id="${anchor}"`);
    }
    expect(definitionLink(definitions, ['fact_movies'])('genres')).toBeNull();
  });

  it('lead from the list to a page for each model, with its grain, columns, tests and readers', () => {
    for (const name of definitions.models.keys()) {
      expect(pageOf('/definitions')).toContain(`<a href="/definitions/${name}">`);
    }
    const page = pageOf('/definitions/fact_movies');
    for (const text of [
      'One row per movie that TMDb has not deleted',
      '<dd>Dashboard</dd>',
      'Analytics',
      '<td>bigint</td>',
      'never NULL',
      'in <code>movie_sk</code> of <code>dim_movies</code>',
      'revenue_usd &gt; 0 and',
      'money is known from three floors on',
    ]) {
      expect(page).toContain(text);
    }
    expect(definitionPage('/definitions/nothing', definitions)).toBeUndefined();
  });

  it('have each metric with its unit and its SQL, which the column of a KPI table links to', () => {
    const page = pageOf('/definitions/metrics');
    for (const { name, label } of definitions.metrics.values()) {
      expect(page).toContain(`<section class="card prose" id="${name}"><h2>${label}</h2>`);
      expect(pageOf('/definitions/kpi_yearly_trends')).toContain(`<a href="/definitions/metrics#${name}">`);
    }
    expect(page).toContain('<code>round(percentile_cont(0.5) within group (order by known_roi_pct), 4)</code>');
  });

  it('show every text as text, and link to parts that exist', () => {
    const odd = `<img src=x onerror="alert(1)">'&`;
    const column = { name: 'a', type: odd, description: odd, tests: [odd] };
    const model = {
      ...({
        name: 'odd',
        layer: 'gold',
        grain: odd,
        description: odd,
        owner: odd,
        columns: [column],
        tests: [odd],
      } as const),
      ...{ unitTests: [{ name: odd, description: odd }], exposures: [odd] },
    };
    const changed = { ...definitions, models: new Map([['odd', model]]), tests: [{ name: odd, description: odd }] };
    for (const path of ['/definitions', '/definitions/odd']) {
      expect(`${definitionPage(path, changed)?.body}`).not.toContain('<img');
    }
    for (const path of paths) {
      const ids = [...pageOf(path).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
      expect(new Set(ids).size, path).toBe(ids.length);
      expect(pageOf(path), path).not.toMatch(/ style=|<style|<script|\{\{|undefined/);
      for (const [, target = ''] of pageOf(path).matchAll(/href="([^"#]+)/g)) expect(paths, path).toContain(target);
    }
  });
});
