import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { audit } from '../support/audit/audit.ts';
import { rowsIn, Workspace } from '../support/processes/cli.ts';

describe('npm start in a new folder', () => {
  it('fills GOLD; a second run requests no movie and does not change BRONZE', async () => {
    using workspace = new Workspace({ TMDB_RATE_LIMIT: '200/1s' }, { ownDbt: true });
    const first = await workspace.runOnce(['--pages', '5']);
    expect(first.walk).toMatchObject({ pagesRead: 5, found: 100, published: 100 });
    expect(first.movies.fetched + first.movies.gone).toBe(100);
    expect(first.requests.byOutcome.map(({ outcome }) => outcome)).not.toContain('429');
    expect(rowsIn(first, 'gold.fact_movies')).toBe(first.movies.fetched);
    expect(first.dbt.testsPassed).toBeGreaterThan(20);
    expect(Object.values(first.kpis).every((rows) => rows.length > 0)).toBe(true);

    const again = await workspace.runOnce(['--pages', '5']);
    expect(again.walk).toMatchObject({ found: 100, published: 0 });
    expect(again.requests.requests).toBe(5);
    expect(again.tables).toEqual(first.tables);
    expect(again.dbt).toMatchObject({ skipped: true, testsPassed: first.dbt.testsPassed });
    expect(await audit(workspace)).toMatchObject({ ids: 100, rawRecords: 100 });
  });

  it('prints the marts, the figures and how to open the file', { tags: ['full'] }, async () => {
    using workspace = new Workspace({ TMDB_RATE_LIMIT: '200/1s' });
    const { code, stdout, stderr } = await workspace.run(['run', '--once', '--pages', '1']);
    expect(code).toBe(0);
    for (const text of [
      'kpi_top_movies',
      'kpi_genre_performance',
      'kpi_yearly_trends',
      'fact_movies',
      'tests passed',
      workspace.duckdbPath,
    ]) {
      expect(stdout).toContain(text);
    }
    expect(stderr).toMatch(/fetch 20\/20 movies/);
    expect(readFileSync(workspace.duckdbPath).subarray(8, 12).toString()).toBe('DUCK');
  });
});
